import SegTestNeeds
import Testing

/// Runs every op case on the CPU with the instruction sets that are not the machine's best; each in a process of its
/// own, because the choice is made once per process.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct InstructionSetTests {
    @Test(arguments: ["portable", "avx2"])
    func agreesWithTheReference(_ name: String) throws {
        let outcome = try Command.bench(["verify", "--device", "cpu", "--quiet"], environment: ["MEDSEG_ISA": name])
        #expect(outcome.exited && outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(outcome.output.contains(" 0 FAILED"))
    }

    /// Channels that do not fill a vector are padded to other counts with these.
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
