/// Why a checkpoint cannot be used; the reader of the file makes it a `DataError` that names the file.
struct CheckpointFault: Error {
    let message: String

    init(_ message: String) { self.message = message }
}
