import COpenCL
internal import SegBackend
internal import Synchronization

/// Counts the enqueued commands and, if timing is on, keeps the event of each command until its times are read.
final class OpenCLProfiler: Sendable {
    private struct Pending {
        let name: String
        let detail: String
        let work: DeviceWork
        let event: OpenCLHandle
    }

    private struct State {
        var total = DeviceWork(flops: 0, bytes: 0, commands: 0)
        var pending: [Pending] = []
    }

    /// Whether the queue measures times.
    let isTiming: Bool
    private let state = Mutex(State())

    init(isTiming: Bool) { self.isTiming = isTiming }

    deinit { state.withLock { for command in $0.pending { clReleaseEvent(command.event.pointer) } } }

    /// The sum of all recorded commands.
    var total: DeviceWork { state.withLock { $0.total } }

    /// Enqueues a command through `body`, whose argument is the memory for the command's event, or nil if no event is
    /// needed.
    func record(
        _ name: String, _ detail: String, _ work: DeviceWork,
        _ body: (UnsafeMutablePointer<OpaquePointer?>?) throws -> Void
    ) throws {
        guard isTiming else {
            try body(nil)
            return state.withLock { $0.total = $0.total + work }
        }
        var event: OpaquePointer?
        try body(&event)
        state.withLock { state in
            state.total = state.total + work
            guard let event else { return }
            state.pending.append(Pending(name: name, detail: detail, work: work, event: OpenCLHandle(event)))
        }
    }

    /// The commands recorded since the last call; all of them must have finished.
    func take() throws -> [DeviceCommand] {
        let pending = state.withLock { state in
            defer { state.pending = [] }
            return state.pending
        }
        return pending.compactMap { command in
            defer { clReleaseEvent(command.event.pointer) }
            func time(_ field: Int32) -> UInt64? {
                var value: cl_ulong = 0
                let status = clGetEventProfilingInfo(
                    command.event.pointer, cl_profiling_info(field), MemoryLayout<cl_ulong>.size, &value, nil)
                return status == CL_SUCCESS ? UInt64(value) : nil
            }
            // A command for which the driver has no times is left out.
            guard let start = time(CL_PROFILING_COMMAND_START), let end = time(CL_PROFILING_COMMAND_END) else {
                return nil
            }
            return DeviceCommand(name: command.name, detail: command.detail, start: start, end: end, work: command.work)
        }
    }
}
