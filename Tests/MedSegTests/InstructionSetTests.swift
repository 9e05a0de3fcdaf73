import SegTestNeeds
import Testing

/// Every op case on the CPU with the instruction sets that this machine's own would hide; a process each, because the
/// choice is the process's.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct InstructionSetTests {
    @Test(arguments: ["portable", "avx2"])
    func agreesWithTheReference(_ name: String) throws {
        let outcome = try Command.bench(["verify", "--device", "cpu", "--quiet"], environment: ["MEDSEG_ISA": name])
        #expect(outcome.exited && outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(outcome.output.contains(" 0 FAILED"))
    }

    /// Channels that fill no vector are padded to other counts there.
    @Test(arguments: ["portable", "avx2"], ["winograd 2", "winograd 3", "winograd 4"])
    func winogradAgreesWithTheReference(_ name: String, _ form: String) throws {
        let outcome = try Command.bench(
            ["verify", "--device", "cpu", "--quiet", "--ops", "conv3d", "convTranspose3d", "--force", form],
            environment: ["MEDSEG_ISA": name])
        #expect(outcome.exited && outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(outcome.output.contains(" 0 FAILED"))
    }

    @Test func unknownNamesAreRefused() throws {
        let outcome = try Command.bench(["verify", "--device", "cpu"], environment: ["MEDSEG_ISA": "sse"])
        #expect(outcome.status != 0 && outcome.errors.contains("portable, avx2, avx512"))
    }
}
