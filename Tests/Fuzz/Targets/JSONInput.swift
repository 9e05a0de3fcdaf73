internal import Foundation
internal import SegCore

/// Compares the package's JSON reader with Foundation's.
enum JSONInput {
    /// Both accept the same documents, except a few that the package refuses with a reason.
    static func agreesWithFoundation(_ input: [UInt8], _ folder: FuzzFolder) throws {
        // Foundation guesses UTF-16 and UTF-32 from zeros and byte order marks, which RFC 8259 has abolished.
        guard !input.contains(0), String(validating: input, as: UTF8.self) != nil else {
            _ = try unlessRefused { try ConfigValue(json: input, from: "input") }
            return
        }
        let theirs = try? JSONSerialization.jsonObject(with: Data(input), options: .fragmentsAllowed)
        let ours: ConfigValue
        do {
            ours = try ConfigValue(json: input, from: "input")
        } catch let error as DataError {
            let isIntended = intended.contains { error.message.contains($0) }
            return try insist(theirs == nil || isIntended, "Foundation takes what is refused here: \(error)")
        }
        guard let theirs else { throw FuzzFinding("Foundation refuses what is taken here: \(ours)") }
        try insist(isSame(ours, theirs), "read otherwise than by Foundation: \(ours) and \(theirs)")
        let again = try takingBack("a document") { try ConfigValue(json: Data(ours.jsonText().utf8), from: "again") }
        try insist(again == ours, "a document became another: \(ours) and \(again)")
    }

    /// Reasons for which the package refuses a document that Foundation accepts; RFC 8259 allows no comma before a
    /// closing bracket.
    private static let intended = [
        "occurs twice", "levels deep", "half of a pair", "is too large", "a value, not ']'",
        "a key in quotes, not '}'",
    ]

    private static func isSame(_ ours: ConfigValue, _ theirs: Any) -> Bool {
        switch (ours, theirs) {
        case (.null, _ as NSNull): true
        case (.string(let text), let other as String): Array(text.utf8) == Array(other.utf8)
        case (.array(let items), let others as [Any]):
            items.count == others.count && zip(items, others).allSatisfy(isSame)
        case (.object(let members), let others as [String: Any]):
            members.count == others.count
                && members.allSatisfy { name, value in others[name].map { isSame(value, $0) } ?? false }
        case (.bool(let value), let other as NSNumber): value == other.boolValue
        case (.int(let value), let other as NSNumber): isNear(Double(value), other.doubleValue)
        case (.double(let value), let other as NSNumber): isNear(value, other.doubleValue)
        default: false
        }
    }

    /// Foundation stores long numbers as decimals, which it rounds twice.
    private static func isNear(_ ours: Double, _ theirs: Double) -> Bool {
        abs(ours - theirs) <= 1e-14 * max(abs(ours), abs(theirs))
    }
}
