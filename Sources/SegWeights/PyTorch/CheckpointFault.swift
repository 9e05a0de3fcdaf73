/// The reason why a checkpoint cannot be used; the reader of the file converts it to a `DataError` that names the file.
struct CheckpointFault: Error {
    let message: String

    init(_ message: String) { self.message = message }
}
