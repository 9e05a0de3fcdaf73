internal import Dispatch

/// An executor for actors whose work blocks: files that are decompressed, scans that are segmented.
///
/// Swift's own executor has as many threads as there are cores, and a job on each would leave none to answer requests.
final class SerialThread: SerialExecutor {
    private let queue: DispatchQueue

    init(_ label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
