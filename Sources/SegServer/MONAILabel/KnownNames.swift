internal import HTTPTypes
internal import Hummingbird

extension Refusal {
    /// Refuses names that nobody reads, which would be dropped without a word.
    /// - Parameters:
    ///   - unknown: Those names; nothing is refused where there are none.
    ///   - whole: What has them.
    ///   - kind: What such a name is there.
    /// - Throws: `Refusal` naming them and the ones that are known.
    static func refuseUnknown(_ unknown: [String], in whole: String, kind: String, known: [String]) throws {
        guard !unknown.isEmpty else { return }
        let list = unknown.sorted().prefix(5).map { "'\($0.prefix(40))'" }.joined(separator: ", ")
        let names = known.isEmpty ? "none" : known.joined(separator: ", ")
        throw Refusal(.badRequest, "\(whole) should have no \(kind) \(list); its \(kind)s are \(names)")
    }
}

extension MultipartForm {
    /// Refuses parts that nobody reads, which would be dropped without a word.
    /// - Throws: `Refusal` naming them.
    func allowOnly(fields known: [String], files knownFiles: [String]) throws {
        let unknown =
            fields.keys.filter { !known.contains($0) } + files.map(\.field).filter { !knownFiles.contains($0) }
        try Refusal.refuseUnknown(unknown, in: "the form", kind: "part", known: known + knownFiles)
    }
}

extension RequestQuery {
    /// The query of a request, where it has no name but those that its route reads.
    /// - Throws: `Refusal` naming the others: what nobody reads would be dropped without a word.
    init(_ request: Request, knows known: String...) throws {
        self.init(request)
        try Refusal.refuseUnknown(
            names.filter { !known.contains($0) }, in: "the query", kind: "name", known: known)
    }

    /// A whole number; nil where the name is not there.
    /// - Throws: `Refusal` where it is something else or too small.
    func int(_ name: String, from least: Int) throws -> Int? {
        guard let text = self[name] else { return nil }
        guard let number = Int(text), number >= least else {
            throw Refusal(.badRequest, "\(name) should be a whole number from \(least), not '\(text.prefix(40))'")
        }
        return number
    }

    /// A word for yes or no; false where the name is not there.
    /// - Throws: `Refusal` where it is another word.
    package func isOn(_ name: String) throws -> Bool {
        guard let text = self[name]?.lowercased() else { return false }
        if ["true", "1", "yes", "on"].contains(text) { return true }
        if ["false", "0", "no", "off"].contains(text) { return false }
        throw Refusal(.badRequest, "\(name) should be true or false, not '\(text.prefix(40))'")
    }
}
