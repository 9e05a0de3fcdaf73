import ArgumentParser
import Foundation
import SegBackend
import SegDevices
import SegOpCases

/// `medseg-bench verify`: every op case on a device, held against the reference.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs every op case on a device and compares it with the reference.")

    @Option(parsing: .upToNextOption, help: "Only cases whose name contains one of these.")
    var names: [String] = []

    @Option(parsing: .upToNextOption, help: "Only cases of these ops, as the summary names them.")
    var ops: [String] = []

    @Option(help: "Only cases of no more elements than this, for a checker that interprets every access.")
    var mostElements: Int?

    @Flag(help: "Print failures and the summary only.")
    var quiet = false

    @OptionGroup var device: DeviceOptions

    func run() throws {
        let backend = try device.makeBackend()
        // The CPU rounds factors as the reference can; a GPU's units are held to f32 by the tests.
        let reference = try Devices.makeBackend(
            "reference", threads: nil, profiling: false, precision: backend.name == "cpu" ? device.precision : .fp32)
        let cases = try OpCases.all.filter { opCase in
            let isNamed = names.isEmpty || names.contains { opCase.name.contains($0) }
            guard isNamed, ops.isEmpty || ops.contains(opCase.op) else { return false }
            return try mostElements.map { try opCase.prepare(on: reference).elements <= $0 } ?? true
        }
        guard !cases.isEmpty else { throw ValidationError("no op case has such a name, op and size") }
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
            let parity = try Parity(opCase, on: backend, against: reference, tolerance: tolerance(opCase))
            guard parity.passes else { return (.failed, "\(parity)  FAILED") }
            // The row that comes nearest to its limit.
            let worst = parity.rows.max { share($0) < share($1) }
            return (.ok, worst.map { "\(name) \($0.output): \(error(of: $0)) of \($0.tolerance.limit)" } ?? name)
        } catch BackendError.notSupported(_, let op, let reason) {
            return (.notSupported, "\(name) not supported: \(op): \(reason)")
        } catch {
            return (.failed, "\(name) FAILED: \(error)")
        }
    }

    /// What is allowed of a way of computing that was asked for by name; nil for what the case says.
    private func tolerance(_ opCase: OpCase) -> Tolerance? {
        guard opCase.op.hasPrefix("conv") else { return nil }
        if device.precision == .fp16 { return .halfWeights }
        // F(2, 3) keeps the limit of an op.
        return device.force.contains { $0.hasPrefix("winograd") && $0 != "winograd 2" } ? .winograd : nil
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
