internal import SegCore

/// Parses documents from clients, one at a time on its own thread.
///
/// The pool that answers requests has as many threads as cores; a megabyte of brackets on each thread would block all requests.
actor DocumentReader {
    static let shared = DocumentReader()

    private let thread = SerialThread("medseg.documents")

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Parses a JSON document.
    /// - Throws: `Refusal` naming the document and the position of the fault if it is not valid JSON.
    func json(_ bytes: [UInt8], named name: String) throws -> ConfigValue {
        try ConfigValue(parsing: bytes, named: name)
    }

    /// Parses the names and values of an `application/x-www-form-urlencoded` body.
    /// - Throws: `Refusal` if there are too many, or a name occurs twice.
    func fields(_ bytes: [UInt8]) throws -> RequestQuery {
        let text = String(decoding: bytes, as: UTF8.self)
        try RequestQuery.check(text)
        return RequestQuery(text)
    }
}
