import CSegCPU
public import SegBackend

/// Elements below which a task is not worth its start.
private let elementGrain = 1 << 15

extension CPUBackend {
    /// Few channels sixteen rows at a time, many along the row.
    public func softmax(_ x: BufferView, into y: BufferView) throws {
        let (rows, channels) = (x.shape.rows, x.shape.channels)
        let planes = try scratch(Float.self, 16 * threads.count * channels)
        defer { planes.done() }
        let (input, output) = (x.floats, y.floats)
        forRows(rows, channels) { range, thread in
            let start = range.lowerBound * channels
            kernels.softmax(
                input + start, output + start, range.count, channels, planes.base + 16 * thread * channels)
        }
    }

    /// One pass.
    public func softmaxBackward(
        _ y: BufferView, upstream: BufferView, into gx: BufferView, accumulate: Bool
    ) throws {
        let (rows, channels) = (y.shape.rows, y.shape.channels)
        let planes = try scratch(Float.self, 32 * threads.count * channels)
        defer { planes.done() }
        let (probabilities, signal, output) = (y.floats, upstream.floats, gx.floats)
        forRows(rows, channels) { range, thread in
            let start = range.lowerBound * channels
            kernels.softmax_gradient(
                probabilities + start, signal + start, output + start, accumulate, range.count, channels,
                planes.base + 32 * thread * channels)
        }
    }

    /// Cuts rows into tasks of a few thousand elements, with the thread's number for scratch memory.
    private func forRows(_ rows: Int, _ channels: Int, _ body: (Range<Int>, Int) -> Void) {
        let step = max(16, (elementGrain / max(channels, 1)) & ~15)
        threads.run((rows + step - 1) / step) { task, thread in
            body(task * step..<min(rows, (task + 1) * step), thread)
        }
    }
}
