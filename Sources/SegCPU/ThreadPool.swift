import CSegCPU
internal import SegBackend
internal import Synchronization

/// A fixed set of threads that share numbered tasks; one run at a time.
///
/// The thread of a task varies from run to run. Tasks therefore write disjoint outputs, and reductions are divided into
/// a number of parts that does not depend on the number of threads. Results have the same bits for any number of
/// threads.
final class ThreadPool: Sendable {
    /// The number of threads, including the caller.
    let count: Int
    // Written once; segcpu_threads_run is serialised by `running`.
    private nonisolated(unsafe) let handle: OpaquePointer
    private let running = Mutex(())

    /// Starts the threads.
    /// - Throws: `BackendError.failed` if the system cannot start them.
    init(count: Int) throws {
        guard let handle = segcpu_threads_create(count) else {
            throw BackendError.failed(
                backend: "cpu", operation: "starting \(count) threads",
                reason: "the system refused; use fewer threads (--threads, MEDSEG_THREADS)")
        }
        self.count = count
        self.handle = handle
    }

    deinit { segcpu_threads_destroy(handle) }

    /// Runs `body(task, thread)` for every task in 0 ..< tasks and waits for all of them; `thread` < `count` is an
    /// index for scratch memory.
    func run(_ tasks: Int, _ body: (_ task: Int, _ thread: Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            withUnsafePointer(to: body) { context in
                running.withLock { _ in
                    segcpu_threads_run(
                        handle, tasks,
                        { context, task, thread in
                            let body = context!.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee
                            body(task, thread)
                        }, UnsafeMutableRawPointer(mutating: context))
                }
            }
        }
    }

    /// Divides 0 ..< count into ranges of at least `grain` numbers and calls `body` for each range in parallel.
    func forRanges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
        let parts = max(1, min(4 * self.count, count / max(grain, 1)))
        run(parts) { part, _ in
            body(count * part / parts..<count * (part + 1) / parts)
        }
    }
}
