internal import SegBackend

/// Keeps a device's queue short. Windows that are reported as finished are then really finished, and a task can be
/// stopped.
///
/// Each wait empties the queue for a moment. The number of windows between two waits is adapted to a few waits per
/// second.
struct WindowQueue {
    private var between = 1
    private var waiting = 0
    private var last = ContinuousClock.now

    /// Counts a window, and waits for all windows so far if a wait is due.
    /// - Throws: The errors of the backend's unfinished work.
    mutating func added(on backend: any Backend) throws {
        waiting += 1
        guard waiting >= between else { return }
        try backend.synchronize()
        let now = ContinuousClock.now
        if now - last < .milliseconds(250) {
            between = min(2 * between, 1 << 16)
        } else if now - last > .seconds(1) {
            between = max(1, between / 2)
        }
        (waiting, last) = (0, now)
    }
}
