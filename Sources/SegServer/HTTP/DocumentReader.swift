internal import SegCore

/// Reads documents that clients sent, one at a time on a thread of its own.
///
/// The pool that answers requests has as many threads as there are cores: a megabyte of brackets on each of them would
/// keep everybody waiting.
actor DocumentReader {
    static let shared = DocumentReader()

    private let thread = SerialThread("medseg.documents")

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// A JSON document.
    /// - Throws: `Refusal` naming the document and the place where it is no JSON.
    func json(_ bytes: [UInt8], named name: String) throws -> ConfigValue {
        try ConfigValue(parsing: bytes, named: name)
    }

    /// Names and values of an `application/x-www-form-urlencoded` body.
    /// - Throws: `Refusal` where there are too many, or one stands there twice.
    func fields(_ bytes: [UInt8]) throws -> RequestQuery {
        let text = String(decoding: bytes, as: UTF8.self)
        try RequestQuery.check(text)
        return RequestQuery(text)
    }
}
