import ArgumentParser
import SegBackend
import SegDevices

/// `medseg-bench devices`: the devices and their peak rates.
struct DeviceReport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices", abstract: "Lists the devices; with --peaks, measures multiply-adds and copies.")

    @Flag(help: "Measure every OpenCL device, and the CPU's instructions.")
    var peaks = false

    func run() throws {
        for entry in try Devices.available(threads: nil) {
            print("\(entry.name): \(entry.details)")
            if peaks && entry.name == "cpu" {
                for peak in Devices.instructionPeaks() {
                    print("  \(Int(peak.flops / 1e9)) GFLOP/s per core by \(peak.name) on 512 bits")
                }
            }
            guard peaks, let backend = try Devices.makeBackend(entry.name, threads: nil) as? any ProfilingBackend
            else { continue }
            let peaks = try backend.measurePeaks()
            print("  \(Int(peaks.flops / 1e9)) GFLOP/s multiply-adds, \(Int(peaks.bytes / 1e9)) GB/s copy")
        }
    }
}
