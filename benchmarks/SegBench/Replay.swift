import ArgumentParser
import Foundation
import SegReplay

/// `medseg-bench replay`: repeats recorded computations of PyTorch or MONAI, and compares the results.
struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replays captures of PyTorch and MONAI and compares every output and gradient.")

    @Argument(help: "The capture files (safetensors).")
    var files: [String]

    @OptionGroup var device: DeviceOptions

    func run() throws {
        let replay = SegReplay.Replay(on: try device.makeBackend())
        var failed = 0
        for file in files {
            var isOK = true
            do {
                for comparison in try replay.run(Capture(file: file)) {
                    print(line(comparison))
                    isOK = isOK && comparison.isOK
                }
            } catch {
                print("  \(error)")
                isOK = false
            }
            print("\(file): \(isOK ? "ok" : "FAILED")")
            if !isOK { failed += 1 }
        }
        print("\(files.count - failed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode(1) }
    }

    private func line(_ comparison: Comparison) -> String {
        let relative =
            comparison.relativeError.isNaN ? "zero    " : String(format: "%.2e", comparison.relativeError)
        let largest = String(format: "%.2e", comparison.largestError)
        let limit = String(format: "%.0e", comparison.tolerance)
        let name = comparison.name.padding(toLength: max(comparison.name.count, 44), withPad: " ", startingAt: 0)
        return "  \(name) relative \(relative)  largest \(largest)  limit \(limit)\(comparison.isOK ? "" : "  FAILED")"
    }
}
