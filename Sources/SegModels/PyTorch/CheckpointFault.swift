internal import SegCore

/// Why a checkpoint cannot be used; whoever knows the file's name turns it into a `DataError`.
struct CheckpointFault: Error {
    let message: String

    init(_ message: String) { self.message = message }
}
