/// A document that does not say what it must, found before anything runs.
public struct ConfigError: Error, Sendable, CustomStringConvertible {
    /// Whose fault it is, which decides a program's exit code.
    public enum Kind: Sendable {
        /// The file is not there or cannot be opened.
        case noInput
        /// What it says cannot be used.
        case badData
        /// It cannot be written.
        case cannotWrite
    }

    /// Whose fault it is.
    public let kind: Kind
    /// The file, or what stands for it.
    public let source: String
    /// Where in the document, such as `network_def.channels`.
    public let key: String?
    /// What was expected, what came, what to do.
    public let message: String

    /// Makes an error of a document.
    public init(_ kind: Kind = .badData, source: String, key: String?, _ message: String) {
        self.kind = kind
        self.source = source
        self.key = key
        self.message = message
    }

    /// `model.json: network_def.strides: …`.
    public var description: String { "\(source): " + (key.map { "\($0): " } ?? "") + message }
}

/// The candidate most like a misspelt word, if any is near enough to be meant.
public func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let scored = candidates.map { ($0, editDistance(word.lowercased(), $0.lowercased())) }
    guard let best = scored.min(by: { ($0.1, $0.0) < ($1.1, $1.0) }) else { return nil }
    return best.1 <= max(2, word.count / 3) ? best.0 : nil
}

/// Insertions, deletions and replacements that turn one word into the other. Levenshtein 1966.
func editDistance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let replaced = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
        }
    }
    return row[b.count]
}
