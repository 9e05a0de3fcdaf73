internal import HTTPTypes
internal import Hummingbird
internal import SegCore

extension Refusal {
    /// Refuses unknown names, which would otherwise be silently ignored.
    /// - Parameters:
    ///   - unknown: The unknown names; nothing is refused if there are none.
    ///   - whole: The thing that has the names, for the message.
    ///   - kind: The kind of the names, for the message.
    /// - Throws: `Refusal` naming the unknown names and the known ones.
    static func refuseUnknown(_ unknown: [String], in whole: String, kind: String, known: [String]) throws {
        guard !unknown.isEmpty else { return }
        let list = unknown.sorted().prefix(5).map { "'\($0.beginning(40))'" }.joined(separator: ", ")
        let names = known.isEmpty ? "none" : known.joined(separator: ", ")
        throw Refusal(.badRequest, "\(whole) should have no \(kind) \(list); its \(kind)s are \(names)")
    }
}

extension MultipartForm {
    /// Refuses unknown parts, which would otherwise be silently ignored.
    /// - Throws: `Refusal` naming the unknown parts.
    func allowOnly(fields known: [String], files knownFiles: [String]) throws {
        let unknown =
            fields.keys.filter { !known.contains($0) } + files.map(\.field).filter { !knownFiles.contains($0) }
        try Refusal.refuseUnknown(unknown, in: "the form", kind: "part", known: known + knownFiles)
    }
}

extension RequestQuery {
    /// Creates the query of a request that may have only known names.
    /// - Throws: `Refusal` naming unknown names, which would otherwise be silently ignored.
    init(_ request: Request, knows known: String...) throws {
        self.init(request)
        try Refusal.refuseUnknown(
            names.filter { !known.contains($0) }, in: "the query", kind: "name", known: known)
    }

    /// An integer; nil if the name is missing.
    /// - Throws: `Refusal` if it is not an integer or too small.
    func int(_ name: String, from least: Int) throws -> Int? {
        guard let text = self[name] else { return nil }
        guard let number = Int(text), number >= least else {
            throw Refusal(.badRequest, "\(name) should be an integer from \(least), not '\(text.beginning(40))'")
        }
        return number
    }

    /// A Boolean; false if the name is missing.
    /// - Throws: `Refusal` if it is another word.
    package func isOn(_ name: String) throws -> Bool {
        guard let text = self[name]?.lowercased() else { return false }
        if ["true", "1", "yes", "on"].contains(text) { return true }
        if ["false", "0", "no", "off"].contains(text) { return false }
        throw Refusal(.badRequest, "\(name) should be true or false, not '\(text.beginning(40))'")
    }
}
