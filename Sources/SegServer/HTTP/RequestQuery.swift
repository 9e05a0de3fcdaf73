internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegCore

/// The names and values of a query string or of an `application/x-www-form-urlencoded` body.
///
/// In both, `+` stands for a space: Python's `quote_plus` writes it, but Hummingbird does not decode it.
package struct RequestQuery: Sendable {
    private var values: [String: String] = [:]

    package init(_ text: String) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = Self.decoded(parts[0])
            values[name] = parts.count > 1 ? Self.decoded(parts[1]) : ""
        }
    }

    init(_ request: Request) { self.init(request.uri.query ?? "") }

    /// Checks a query before it is parsed: too many names, a name that occurs twice, and texts that take long to compare
    /// are refused.
    /// - Throws: `Refusal`.
    package static func check(_ text: String) throws {
        try checkRuns(text)
        let pairs = text.split(separator: "&", maxSplits: Limits.formFields)
        guard pairs.count <= Limits.formFields else {
            throw Refusal(.badRequest, "the query or form should have at most \(Limits.formFields) names")
        }
        var names: Set<String> = []
        for pair in pairs {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(decoded)
            for part in parts { try checkRuns(part) }
            let name = parts[0]
            guard names.insert(name).inserted else {
                throw Refusal(.badRequest, "the query or form names '\(name.beginning(40))' twice")
            }
        }
    }

    private static func checkRuns(_ text: String) throws {
        guard !text.hasLongCombiningRun else {
            throw Refusal(
                .badRequest,
                "the query or form should have at most \(Limits.combiningRun) combining characters in a row")
        }
    }

    /// The value of a name; nil if it is missing or empty.
    package subscript(name: String) -> String? {
        values[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The names in the query.
    var names: [String] { Array(values.keys) }

    private static func decoded(_ text: Substring) -> String {
        let spaced = text.replacing("+", with: " ")
        return spaced.removingPercentEncoding ?? String(spaced)
    }
}

extension RequestQuery {
    /// The value of a required name.
    /// - Throws: `Refusal` if it is missing.
    func require(_ name: String) throws -> String {
        guard let value = self[name] else {
            throw Refusal(.badRequest, "the query should have \(name)=…, but does not")
        }
        return value
    }
}
