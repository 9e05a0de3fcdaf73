internal import SegBackend

/// Keeps a device's queue from running far ahead of what the device has done, so that what is reported as done is, and
/// a task can be stopped.
///
/// To wait empties the queue for a moment. The windows between two waits are as many as make that happen a few times a
/// second.
struct WindowQueue {
    private var between = 1
    private var waiting = 0
    private var last = ContinuousClock.now

    /// Counts a window, and waits for all so far where it is time to.
    /// - Throws: what the backend's work left behind.
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
