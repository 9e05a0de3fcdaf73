import CSegCPU
internal import SegBackend
internal import Synchronization

/// A fixed set of threads that share out numbered tasks; one run at a time.
///
/// Which thread takes which task varies from run to run, so tasks write disjoint outputs, and reductions are cut into
/// a number of parts that does not depend on the number of threads: results are the same bits for any count.
final class ThreadPool: Sendable {
    /// Threads, the caller's included.
    let count: Int
    // Written once; segcpu_threads_run is serialised by `running`.
    private nonisolated(unsafe) let handle: OpaquePointer
    private let running = Mutex(())

    /// Starts the threads.
    /// - Throws: `BackendError.failed` where the system refuses them.
    init(count: Int) throws {
        guard let handle = segcpu_threads_create(count) else {
            throw BackendError.failed(
                backend: "cpu", operation: "starting \(count) threads",
                reason: "the system refused; use fewer --threads")
        }
        self.count = count
        self.handle = handle
    }

    deinit { segcpu_threads_destroy(handle) }

    /// Runs `body(task, thread)` for every task in 0 ..< tasks and waits; `thread` < `count` indexes scratch memory.
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

    /// Cuts 0 ..< count into runs of at least `grain` and calls `body` on each range in parallel.
    func forRanges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
        let parts = max(1, min(4 * self.count, count / max(grain, 1)))
        run(parts) { part, _ in
            body(count * part / parts..<count * (part + 1) / parts)
        }
    }
}
