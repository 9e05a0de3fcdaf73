internal import Dispatch

/// An executor for actors whose work blocks, such as decompression and segmentation.
///
/// Swift's own executor has one thread per core; blocking work on each would leave no thread to answer requests.
final class SerialThread: SerialExecutor {
    private let queue: DispatchQueue

    init(_ label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
