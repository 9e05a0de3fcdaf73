internal import HTTPTypes
internal import Hummingbird

extension MultipartForm {
    /// Refuses parts that nobody reads, which would be dropped without a word.
    /// - Throws: `Refusal` naming them.
    func allowOnly(fields known: [String], files knownFiles: [String]) throws {
        let unknown =
            fields.keys.filter { !known.contains($0) } + files.map(\.field).filter { !knownFiles.contains($0) }
        guard unknown.isEmpty else {
            let list = unknown.sorted().prefix(5).map { "'\($0.prefix(40))'" }.joined(separator: ", ")
            throw Refusal(
                .badRequest,
                "the form should have no part \(list); its parts are \((known + knownFiles).joined(separator: ", "))")
        }
    }
}

extension RequestQuery {
    /// The query of a request, where it has no name but those that its route reads.
    /// - Throws: `Refusal` naming the others: what nobody reads would be dropped without a word.
    init(_ request: Request, knows known: String...) throws {
        self.init(request)
        let unknown = names.filter { !known.contains($0) }.sorted()
        guard unknown.isEmpty else {
            let list = unknown.prefix(5).map { "'\($0.prefix(40))'" }.joined(separator: ", ")
            let names = known.isEmpty ? "none" : known.joined(separator: ", ")
            throw Refusal(.badRequest, "the query should have no \(list); its names are: \(names)")
        }
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
    func isOn(_ name: String) throws -> Bool {
        guard let text = self[name]?.lowercased() else { return false }
        if ["true", "1", "yes", "on"].contains(text) { return true }
        if ["false", "0", "no", "off"].contains(text) { return false }
        throw Refusal(.badRequest, "\(name) should be true or false, not '\(text.prefix(40))'")
    }
}
