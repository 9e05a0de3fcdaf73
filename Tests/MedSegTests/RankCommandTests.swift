import Foundation
import SegCore
import SegTestNeeds
import Testing

/// Training runs under launchers, as far as they need no MPI, and checkpoints from before ranks existed.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct RankCommandTests {
    private let data: SmallDataset
    private var run: String { data.folder.file("run") }

    init() throws { data = try SmallDataset() }

    private func train(_ environment: [String: String]) throws -> Command.Outcome {
        try Command.medseg("train", data.config, "--out", run, environment: environment)
    }

    @Test func ranksWithoutMPIAreRefused() throws {
        let variables = ["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2", "MEDSEG_MPI_LIBRARY": "/nowhere.so"]
        expectFailure(try train(variables), 69, "2 ranks", "/nowhere.so", "make mpi")
        let tasks = ["SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"]
        expectFailure(try train(tasks), 64, "2 tasks", "--mpi=pmix", "--mpi=pmi2")
        // Only the first rank prints a message that all ranks would print.
        let other = try train(tasks.merging(["SLURM_PROCID": "1"]) { $1 })
        #expect(other.status == 64 && other.errors.isEmpty, "\(other)")
        #expect(!FileManager.default.fileExists(atPath: run))
    }

    @Test func oneProcessOfAnAllocationIsToldOfSrun() throws {
        let outcome = try train(["SLURM_NTASKS": "4", "SLURM_PROCID": "0"])
        #expect(outcome.status == 0 && outcome.errors.contains("start it with srun for 4 ranks"), "\(outcome)")
        #expect(!outcome.output.contains("rank 0"))
    }

    /// Until 0.2 a checkpoint did not record how gradients were summed.
    @Test(arguments: [(3, false), (4, true), (5, false), (6, true)])
    func aCheckpointThatSummedInTurnIsTakenUp(_ accumulation: Int, isTold: Bool) throws {
        let started = try Command.medseg(
            "train", data.config, "--out", run, "--set", "accumulate=\(accumulation)", "--set", "iterations=2")
        #expect(started.status == 0, "\(started)")
        let file = URL(fileURLWithPath: "\(run)/checkpoint.safetensors")
        var bytes = try Data(contentsOf: file)
        let key = try #require(bytes.range(of: Data("sumsByTree".utf8)))
        bytes.replaceSubrange(key, with: Data("sumsByFold".utf8))
        try bytes.write(to: file)
        let resumed = try Command.medseg("train", "--resume", run, "--set", "iterations=3")
        #expect(resumed.status == 0 && resumed.errors.contains("summed by a tree") == isTold, "\(resumed)")
    }
}
