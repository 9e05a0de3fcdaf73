import Foundation
import SegBackend

/// One timed case, printed as one JSON object per line with the keys of the PyTorch peer.
struct Measurement: Encodable {
    let program = "medseg"
    var `case`: String
    var what: String
    var ms: Double
    var best_ms: Double
    var gflops: Double?
    var gbs: Double?
    /// The share of the device's measured peaks; absent if none were measured.
    var compute_share: Double?
    var copy_share: Double?
    var peak_mib: Int
    var tensor_mib: Int
    var device: String
    var precision: String
    var layout = "ndhwc"
    var threads: Int
    var batch: Int

    /// Creates a measurement from the times of a case and the work of one run; zeros in `work` are left out.
    init(
        case name: String, what: String, time: Stopwatch.Result, work: DeviceWork?, on backend: any Backend,
        _ options: DeviceOptions, batch: Int
    ) {
        self.case = name
        self.what = what
        (ms, best_ms) = (time.median, time.minimum)
        func rate(_ amount: Int?) -> Double? { amount.flatMap { $0 > 0 ? Double($0) / time.median / 1e6 : nil } }
        (gflops, gbs) = (rate(work?.flops), rate(work?.bytes))
        (peak_mib, tensor_mib) = (ProcessMemory.peak, backend.memory.peak >> 20)
        device = backend.name
        (threads, precision) = (options.threadCount, options.precision.rawValue)
        self.batch = batch
    }
}

/// Times work like the PyTorch peer: one run to warm up, one to choose the sample size, then 3 to 20 runs.
struct Stopwatch {
    let backend: any Backend
    /// The maximum time of a case, in seconds.
    let budget: Double
    /// The minimum number of runs of a sample.
    var fewest = 3

    /// The times in milliseconds, and the device work of one run if the backend counts it.
    struct Result {
        var median: Double
        var minimum: Double
        var work: DeviceWork?
    }

    /// The median and minimum time of a run, including the wait for the device.
    func time(_ work: () throws -> Void) throws -> Result {
        _ = try once(work)
        let counting = backend as? any ProfilingBackend
        let before = counting?.work
        let first = try once(work)
        let asked = before.flatMap { before in counting.map { $0.work - before } }
        let count = max(fewest, min(20, Int(budget / max(first, 1e-4))))
        let times = try (0..<count).map { _ in try once(work) }.sorted()
        return Result(median: times[count / 2] * 1e3, minimum: times[0] * 1e3, work: asked)
    }

    private func once(_ work: () throws -> Void) throws -> Double {
        let start = DispatchTime.now().uptimeNanoseconds
        try work()
        try backend.synchronize()
        return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
    }
}

/// The process's memory, as counted by the operating system.
enum ProcessMemory {
    /// Starts a new measurement of the peak if the system supports it; otherwise the peak counts from the process's start.
    static func resetPeak() {
        #if os(Linux)
            try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
        #endif
    }

    /// The maximum resident memory since the last reset, in MiB.
    static var peak: Int {
        #if os(Linux)
            let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            if let kib = line?.split(separator: " ").compactMap({ Int($0) }).first { return kib >> 10 }
        #endif
        return lifetimePeak
    }

    private static var lifetimePeak: Int {
        var usage = rusage()
        #if os(Linux)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_maxrss >> 10
        #else
            getrusage(RUSAGE_SELF, &usage)
            return usage.ru_maxrss >> 20
        #endif
    }
}

/// Prints a measurement as JSON or as a table row.
struct Table {
    let json: Bool
    /// The device's peak rates; nil if they were not measured.
    let peaks: DevicePeaks?

    func header() {
        guard !json else { return }
        if let peaks {
            print(
                String(
                    format: "measured peaks: %.1f GFLOP/s multiply-adds, %.1f GB/s copy", peaks.flops / 1e9,
                    peaks.bytes / 1e9))
        }
        print(
            "case                             what               median ms    best ms  GFLOP/s     GB/s"
                + (peaks == nil ? "" : "  compute   copy") + "  peak MiB")
    }

    func row(_ measured: Measurement) throws {
        var measurement = measured
        if let peaks {
            measurement.compute_share = measured.gflops.map { $0 * 1e9 / peaks.flops }
            measurement.copy_share = measured.gbs.map { $0 * 1e9 / peaks.bytes }
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            print(String(decoding: try encoder.encode(measurement), as: UTF8.self))
        } else {
            print(text(measurement))
        }
        fflush(nil)
    }

    private func text(_ row: Measurement) -> String {
        let name = row.case.padding(toLength: max(32, row.case.count), withPad: " ", startingAt: 0)
        let what = row.what.padding(toLength: 17, withPad: " ", startingAt: 0)
        let rates = [row.gflops, row.gbs].map { $0.map { String(format: "%8.1f", $0) } ?? "       -" }
        let shares = [row.compute_share, row.copy_share].map {
            $0.map { String(format: "%6.1f%%", $0 * 100) } ?? "      -"
        }
        return "\(name) \(what) \(String(format: "%10.2f %10.2f", row.ms, row.best_ms)) \(rates.joined(separator: " "))"
            + (peaks == nil ? "" : "  " + shares.joined(separator: " ")) + String(format: " %9d", row.peak_mib)
    }
}
