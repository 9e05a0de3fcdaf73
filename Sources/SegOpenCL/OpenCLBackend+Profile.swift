import Foundation
public import SegBackend

/// The number of independent sums of an item: `SUMS` in probe/peaks.cl.
private let sums = 8

extension OpenCLBackend: ProfilingBackend {
    /// Waits for the queue, then reads the times of the events.
    public func takeCommands() throws -> [DeviceCommand] {
        try synchronize()
        return try launcher.profiler.take()
    }

    /// The sum of all enqueued commands.
    public var work: DeviceWork { launcher.profiler.total }

    /// Measures the best speed of vectors of 1, 4 and 16 floats, each for some tens of milliseconds.
    public func measurePeaks() throws -> DevicePeaks {
        let widths = [1, 4, 16]
        return DevicePeaks(
            flops: try widths.map(multiplyAdds).max() ?? 0, bytes: try widths.map(copies).max() ?? 0)
    }

    private func multiplyAdds(width: Int) throws -> Double {
        let items = max(device.computeUnits, 1) * (device.isGPU ? 2048 : 128)
        let y = try scratch(items * width)
        let kernel = Kernel("probe/peaks", "multiply_adds", defines: [("WIDTH", width)])
        var rounds = 256
        while true {
            let seconds = try bestOf(3) {
                try launcher.run(
                    kernel, LaunchGrid(covering: items),
                    [.view(y), .long(items), .int(rounds), .float(0.5), .float(1)])
            }
            if seconds > 0.02 || rounds >= 1 << 24 {
                return 2 * Double(items * width * sums) * Double(rounds) / seconds
            }
            rounds *= 4
        }
    }

    private func copies(width: Int) throws -> Double {
        let most = min(256 << 20, device.largestAllocation, device.memory / 8)
        let count = max(1, most / 4 / width)
        let (x, y) = (try scratch(count * width), try scratch(count * width))
        try fill(x, with: 1)
        let repeats = device.isGPU ? 20 : 1
        let seconds = try bestOf(4) {
            for _ in 0..<repeats {
                try launcher.run(
                    Kernel("probe/peaks", "copy_vectors", defines: [("WIDTH", width)]), LaunchGrid(covering: count),
                    [.view(x), .view(y), .long(count)])
            }
        }
        return Double(repeats * 2 * 4 * count * width) / seconds
    }

    /// The shortest time of some runs, in seconds, after a first run that compiles and warms up; each run waits for the
    /// queue.
    func bestOf(_ count: Int, _ work: () throws -> Void) throws -> Double {
        try work()
        try synchronize()
        let clock = ContinuousClock()
        let times = try (0..<count).map { _ in
            try clock.measure {
                try work()
                try synchronize()
            }
        }
        return times.map { $0 / .seconds(1) }.min() ?? .infinity
    }
}
