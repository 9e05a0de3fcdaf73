import CSegCPU
public import SegBackend

/// The minimum number of elements of a task; a smaller task would not save the time that its start takes.
private let elementGrain = 1 << 15

extension CPUBackend {
    /// Computes sixteen rows at a time if there are few channels, and along the row if there are many.
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

    /// Computes the gradient in one pass.
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

    /// Divides rows into tasks of a few thousand elements; `body` also receives the thread's number, for scratch
    /// memory.
    private func forRows(_ rows: Int, _ channels: Int, _ body: (Range<Int>, Int) -> Void) {
        let step = max(16, (elementGrain / max(channels, 1)) & ~15)
        threads.run((rows + step - 1) / step) { task, thread in
            body(task * step..<min(rows, (task + 1) * step), thread)
        }
    }
}
