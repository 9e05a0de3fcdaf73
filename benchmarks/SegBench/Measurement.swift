import Foundation
import SegBackend

/// One timed case, printed as an object a line with the keys of the PyTorch peer.
struct Measurement: Encodable {
    let program = "medseg"
    var `case`: String
    var what: String
    var ms: Double
    var best_ms: Double
    var gflops: Double?
    var peak_mib: Int
    var tensor_mib: Int
    var device: String
    var precision = "fp32"
    var layout = "ndhwc"
    var threads: Int
    var batch: Int
}

/// Times work the way the PyTorch peer does: one run to warm up, one to size the sample, then 3 to 20 runs.
struct Stopwatch {
    let backend: any Backend
    /// Seconds a case may take.
    let budget: Double

    /// Median and minimum of a run, in ms; waiting for the device is part of it.
    func time(_ work: () throws -> Void) throws -> (median: Double, minimum: Double) {
        _ = try once(work)
        let first = try once(work)
        let count = max(3, min(20, Int(budget / max(first, 1e-4))))
        let times = try (0..<count).map { _ in try once(work) }.sorted()
        return (times[count / 2] * 1e3, times[0] * 1e3)
    }

    private func once(_ work: () throws -> Void) throws -> Double {
        let start = DispatchTime.now().uptimeNanoseconds
        try work()
        try backend.synchronize()
        return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
    }
}

/// The process's memory as the system counts it.
enum ProcessMemory {
    /// Starts a new measurement of the peak, where the system can; elsewhere the peak is the process's own.
    static func resetPeak() {
        #if os(Linux)
            try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
        #endif
    }

    /// The most resident memory since the last reset, in MiB.
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

    func header() {
        if !json {
            print("case                             what               median ms    best ms  GFLOP/s  peak MiB")
        }
    }

    func row(_ measurement: Measurement) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            print(String(decoding: try encoder.encode(measurement), as: UTF8.self))
        } else {
            let gflops = measurement.gflops.map { String(format: "%8.1f", $0) } ?? "        "
            let name = measurement.case.padding(toLength: 32, withPad: " ", startingAt: 0)
            let what = measurement.what.padding(toLength: 17, withPad: " ", startingAt: 0)
            print(
                "\(name) \(what) \(String(format: "%10.2f %10.2f", measurement.ms, measurement.best_ms)) \(gflops) \(String(format: "%9d", measurement.peak_mib))"
            )
        }
        fflush(nil)
    }
}
