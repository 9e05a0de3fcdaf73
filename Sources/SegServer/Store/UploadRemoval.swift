internal import Dispatch
internal import Foundation
internal import Synchronization

/// Deletes the files of uploads.
///
/// A form may have thousands of files. They go together with the form, on one of Swift's threads, of which there are as
/// many as cores; other requests would wait meanwhile. Therefore a thread of its own deletes them if there are many.
enum UploadRemoval {
    /// Counts an upload's file as long as this object lives.
    final class Presence: Sendable {
        init() { UploadRemoval.present.withLock { $0 += 1 } }

        deinit { UploadRemoval.present.withLock { $0 -= 1 } }
    }

    private static let present = Mutex(0)
    private static let queue = DispatchQueue(label: "medseg.removal")
    /// The number of files up to which each is deleted at once.
    private static let few = 64

    /// Deletes a file, then releases its bytes.
    static func remove(_ path: String, bytes: Int, of budget: ByteBudget) {
        guard present.withLock({ $0 }) > few else {
            unlink(path)
            budget.release(bytes)
            return
        }
        queue.async {
            unlink(path)
            budget.release(bytes)
        }
    }

    /// Waits until all files are deleted.
    static func finish() { queue.sync {} }
}
