internal import HTTPTypes
internal import SegCore

/// What an archive says of an object that it keeps.
struct ArchiveReceipt {
    /// SOPInstanceUID.
    let instance: String
    /// What the one who stored it should know, a sentence each.
    let remarks: [String]

    /// Reads the answer of STOW-RS about one object (PS3.18, 10.5.3); nil where it does not say what became of it.
    /// - Throws: `Refusal` with the reason where the archive did not take it.
    init?(_ document: ConfigValue) throws {
        if let failed = document.values(.failed).first {
            throw Refusal(
                .badGateway,
                "the archive did not take the object: \(failed.number(.failureReason).map(Self.words) ?? "it gives no reason")"
            )
        }
        guard let stored = document.values(.stored).first, let instance = stored.text(.instance),
            ArchiveQuery.isUID(instance)
        else { return nil }
        self.instance = instance
        remarks =
            stored.number(.warningReason).map { ["The archive keeps the object, with a warning: \(Self.words($0))."] }
            ?? []
    }

    /// A reason as its code, and what the standard says of it: PS3.18, I.2, and PS3.3, C.14.
    private static func words(_ code: Int) -> String {
        let digits = String(code, radix: 16, uppercase: true)
        let name = "reason \(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits)H"
        let meaning: String? =
            switch code {
            case 0x0110: "processing failure"
            case 0x0111: "there is such an object already"
            case 0x0117: "invalid object instance"
            case 0x0119: "class and instance do not fit each other"
            case 0x0122: "it does not keep objects of this class"
            case 0x0124: "not authorized"
            case 0x0213: "its resources do not allow it"
            case 0xC122: "it does not keep this transfer syntax"
            case 0xA700...0xA7FF: "out of resources"
            case 0xA900...0xA9FF: "the data set does not match its class"
            case 0xB000: "elements were changed"
            case 0xB006: "elements were discarded"
            case 0xB007: "the data set does not match its class"
            case 0xC000...0xCFFF: "it cannot be understood"
            default: nil
            }
        return meaning.map { "\(name), \($0)" } ?? name
    }
}
