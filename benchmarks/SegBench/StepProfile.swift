import Foundation
import SegBackend

/// The time of a training step by kernels.
struct StepProfile {
    /// All calls of one kernel.
    struct Row: Encodable {
        var kernel: String
        var calls: Int
        var ms: Double
        var share: Double
        var gflops: Double?
        var gbs: Double
        var bound: String
        var share_of_bound: Double
    }

    /// The values that precede the rows.
    private struct Head: Encodable {
        var program = "medseg"
        var network: String
        var device: String
        var steps: Int
        var wall_ms: Double
        var device_ms: Double
        var peak_gflops: Double
        var peak_copy_gbs: Double
        var kernels: [Row]
    }

    let network: String
    let device: String
    let peaks: DevicePeaks
    let steps: Int
    /// The time of all steps together, in seconds.
    let wall: Double
    let rows: [Row]
    private let seconds: Double

    init(network: String, device: String, commands: [DeviceCommand], peaks: DevicePeaks, steps: Int, wall: Double) {
        (self.network, self.device, self.peaks, self.steps, self.wall) = (network, device, peaks, steps, wall)
        let seconds = commands.map(\.seconds).reduce(0, +)
        self.seconds = seconds
        rows = Dictionary(grouping: commands, by: \.name).map { name, own in
            Self.row(name, own, peaks, steps: steps, total: seconds)
        }.sorted { $0.ms > $1.ms }
    }

    private static func row(
        _ name: String, _ commands: [DeviceCommand], _ peaks: DevicePeaks, steps: Int, total: Double
    ) -> Row {
        let seconds = max(commands.map(\.seconds).reduce(0, +), 1e-12)
        let work = commands.map(\.work).reduce(DeviceWork(flops: 0, bytes: 0, commands: 0), +)
        let (flops, bytes) = (Double(work.flops) / seconds, Double(work.bytes) / seconds)
        let (compute, copy) = (flops / peaks.flops, bytes / peaks.bytes)
        let isLatency = max(compute, copy) < 0.1 || seconds / Double(commands.count) < 10e-6
        return Row(
            kernel: name, calls: commands.count / steps, ms: seconds * 1e3 / Double(steps),
            share: total > 0 ? seconds / total : 0, gflops: work.flops > 0 ? flops / 1e9 : nil, gbs: bytes / 1e9,
            bound: isLatency ? "latency" : compute > copy ? "compute" : "memory",
            share_of_bound: max(compute, copy))
    }

    func printJSON() throws {
        let head = Head(
            network: network, device: device, steps: steps, wall_ms: wall * 1e3 / Double(steps),
            device_ms: seconds * 1e3 / Double(steps), peak_gflops: peaks.flops / 1e9, peak_copy_gbs: peaks.bytes / 1e9,
            kernels: rows)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        print(String(decoding: try encoder.encode(head), as: UTF8.self))
    }

    func printTable(details: String) {
        print("\(network), one training step on \(device): \(details)")
        print(
            String(
                format: "measured peaks: %.1f GFLOP/s multiply-adds, %.1f GB/s copy; ridge at %.1f operations per byte",
                peaks.flops / 1e9, peaks.bytes / 1e9, peaks.flops / peaks.bytes))
        print("kernel                     calls         ms   share  GFLOP/s     GB/s  roofline")
        for row in rows {
            let name = row.kernel.padding(toLength: max(24, row.kernel.count), withPad: " ", startingAt: 0)
            let flops = row.gflops.map { String(format: "%8.1f", $0) } ?? "       -"
            print(
                name + String(format: " %7d %10.3f %6.1f%% ", row.calls, row.ms, row.share * 100) + flops
                    + String(format: " %8.1f  ", row.gbs) + "\(row.bound), "
                    + String(format: "%.0f%% of peak", row.share_of_bound * 100))
        }
        print(
            String(
                format: "time of a step: %.2f ms, of which the device computes %.2f ms", wall * 1e3 / Double(steps),
                seconds * 1e3 / Double(steps)))
    }
}

/// Commands in the Trace Event Format, one complete event each, in microseconds since the first command.
struct ChromeTrace: Encodable {
    private struct Event: Encodable {
        var name: String
        var cat: String
        var ph: String
        var ts: Double
        var dur: Double?
        var pid = 1
        var tid: Int
        var args: [String: String]
    }

    private let traceEvents: [Event]
    private let displayTimeUnit = "ms"

    private enum CodingKeys: String, CodingKey {
        case traceEvents
        case displayTimeUnit
    }

    init(_ commands: [DeviceCommand], device: String) {
        let first = commands.map(\.start).min() ?? 0
        let names = [
            Event(name: "process_name", cat: "", ph: "M", ts: 0, dur: nil, tid: 0, args: ["name": "medseg-bench"]),
            Event(name: "thread_name", cat: "", ph: "M", ts: 0, dur: nil, tid: 1, args: ["name": device]),
        ]
        traceEvents =
            names
            + commands.map { command in
                Event(
                    name: command.name, cat: command.detail.isEmpty ? "transfer" : "kernel", ph: "X",
                    ts: Double(command.start - first) / 1e3, dur: command.seconds * 1e6, tid: 1,
                    args: [
                        "file": command.detail, "flops": "\(command.work.flops)", "bytes": "\(command.work.bytes)",
                    ])
            }
    }

    /// Writes the file.
    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
