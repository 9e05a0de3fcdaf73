internal import HTTPTypes
internal import SegCore

/// An archive's confirmation that it stored an object.
struct ArchiveReceipt {
    /// SOPInstanceUID.
    let instance: String
    /// Notes for the user, one sentence each.
    let remarks: [String]

    /// Reads the STOW-RS response for one object (PS3.18, 10.5.3); nil if it contains no result.
    /// - Throws: `Refusal` with the reason if the archive did not store the object.
    init?(_ document: ConfigValue) throws {
        if let failed = document.values(.failed).first {
            throw Refusal(
                .badGateway,
                "the archive did not store the object: \(failed.number(.failureReason).map(Self.words) ?? "it gives no reason")"
            )
        }
        guard let stored = document.values(.stored).first, let instance = stored.text(.instance),
            ArchiveQuery.isUID(instance)
        else { return nil }
        self.instance = instance
        remarks =
            stored.number(.warningReason).map { ["The archive stored the object with a warning: \(Self.words($0))."] }
            ?? []
    }

    /// The code of a reason and its meaning in the standard: PS3.18, I.2, and PS3.3, C.14.
    private static func words(_ code: Int) -> String {
        let digits = String(code, radix: 16, uppercase: true)
        let name = "reason \(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits)H"
        let meaning: String? =
            switch code {
            case 0x0110: "processing failure"
            case 0x0111: "the object exists already"
            case 0x0117: "invalid object instance"
            case 0x0119: "class and instance do not match"
            case 0x0122: "objects of this class are not supported"
            case 0x0124: "not authorized"
            case 0x0213: "resource limitation"
            case 0xC122: "the transfer syntax is not supported"
            case 0xA700...0xA7FF: "out of resources"
            case 0xA900...0xA9FF: "the data set does not match its class"
            case 0xB000: "elements were changed"
            case 0xB006: "elements were discarded"
            case 0xB007: "the data set does not match its class"
            case 0xC000...0xCFFF: "the object cannot be understood"
            default: nil
            }
        return meaning.map { "\(name), \($0)" } ?? name
    }
}
