import ArgumentParser
import Foundation
import SegBackend
import SegDevices
import SegOpCases

/// `medseg-bench verify`: every op case on a device, compared with the reference.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs every op case on a device and compares it with the reference.")

    @Option(parsing: .upToNextOption, help: "Only cases whose name contains one of these.")
    var names: [String] = []

    @Option(parsing: .upToNextOption, help: "Only cases of these ops, with the names of the summary.")
    var ops: [String] = []

    @Option(help: "Only cases with at most this number of elements, for a checker that interprets every access.")
    var mostElements: Int?

    @Flag(help: "Print failures and the summary only.")
    var quiet = false

    @OptionGroup var device: DeviceOptions

    func run() throws {
        let backend = try device.makeBackend()
        // The CPU rounds the factors of every product, and the reference can round them in the same way. A GPU's matrix units
        // compute only some products; therefore a GPU is compared with the reference without rounding.
        let isRounding = ["cpu", "reference"].contains(backend.name)
        let reference = try Devices.makeBackend(
            "reference", threads: nil, profiling: false, precision: isRounding ? device.precision : .fp32)
        let cases = try OpCases.all.filter { opCase in
            let isNamed = names.isEmpty || names.contains { opCase.name.contains($0) }
            guard isNamed, ops.isEmpty || ops.contains(opCase.op) else { return false }
            return try mostElements.map { try opCase.prepare(on: reference).elements <= $0 } ?? true
        }
        guard !cases.isEmpty else {
            let known = Set(OpCases.all.map(\.op)).sorted().joined(separator: ", ")
            throw ValidationError("no op case has this name, op and size; the ops are \(known)")
        }
        print("\(backend.name): \(backend.details)")
        var counts: [Verdict: Int] = [:]
        var ok: [String: Int] = [:]
        for opCase in cases {
            let (verdict, line) = check(opCase, backend, reference)
            counts[verdict, default: 0] += 1
            ok[opCase.op, default: 0] += verdict == .ok ? 1 : 0
            if !quiet || verdict != .ok { print(line) }
            fflush(nil)
        }
        print("ok: " + ok.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        let summary = Verdict.allCases.map { "\(counts[$0, default: 0]) \($0.rawValue)" }
        print("\(cases.count) cases: \(summary.joined(separator: ", "))")
        if counts[.failed, default: 0] > 0 { throw ExitCode(1) }
    }

    private enum Verdict: String, CaseIterable {
        case ok
        case failed = "FAILED"
        case notSupported = "not supported"
    }

    private func check(
        _ opCase: OpCase, _ backend: any Backend, _ reference: any Backend
    ) -> (Verdict, String) {
        let name = opCase.name.padding(toLength: max(opCase.name.count, 72), withPad: " ", startingAt: 0)
        do {
            let parity = try Parity(opCase, on: backend, against: reference) { output in
                tolerance(opCase, output: output, isOpenCL: backend is any TunableBackend)
            }
            guard parity.passes else { return (.failed, "\(parity)  FAILED") }
            // The row whose error is the largest share of its limit.
            let worst = parity.rows.max { share($0) < share($1) }
            return (.ok, worst.map { "\(name) \($0.output): \(error(of: $0)) of \($0.tolerance.limit)" } ?? name)
        } catch BackendError.notSupported(_, let op, let reason) {
            return (.notSupported, "\(name) not supported: \(op): \(reason)")
        } catch {
            return (.failed, "\(name) FAILED: \(error)")
        }
    }

    /// The tolerance for a precision or a forced algorithm, if the case uses it; nil to keep the case's tolerance.
    private func tolerance(_ opCase: OpCase, output: String, isOpenCL: Bool) -> Tolerance? {
        let isConvolution = opCase.op.hasPrefix("conv"), readsWeights = output != "gw" && output != "gb"
        switch device.precision {
        case .fp16 where isConvolution && readsWeights: return .halfWeights
        case .tf32 where isConvolution || opCase.op == "matmul": return .tf32Factors
        case .bf16 where isOpenCL && (isConvolution || opCase.op == "matmul"): return .bf16Factors
        default: break
        }
        // Every form of Winograd's algorithm but F(4, 5) keeps the limit of an op. The CPU uses F(4, 5) by default;
        // OpenCL does not have it.
        let takesFourFive = !isOpenCL && (device.force.isEmpty || device.force.contains("winograd 4"))
        return takesFourFive && OpCases.isWinogradOfFiveTaps(opCase, output: output) ? .winograd : nil
    }

    private func share(_ row: Parity.Row) -> Double {
        let error = row.tolerance.isAbsolute ? row.error.largest : row.error.relative
        return row.tolerance.limit > 0 ? error / row.tolerance.limit : error
    }

    private func error(of row: Parity.Row) -> String {
        row.tolerance.isAbsolute
            ? String(format: "largest %.1e", row.error.largest) : String(format: "relative %.1e", row.error.relative)
    }
}
