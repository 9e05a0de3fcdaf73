import Foundation
import SegCore
import SegStudy
import Testing

struct ShardTests {
    @Test func partsTakeEveryItemOnce() throws {
        let items = Array(0..<11)
        let parts = try (0..<4).map { try Shard("\($0)/4").share(of: items) }
        #expect(parts.flatMap(\.self).sorted() == items)
        #expect(parts.map(\.count) == [3, 3, 3, 2])
        #expect(try Shard("2/3").share(of: ["a", "b"]).isEmpty)
    }

    @Test(arguments: ["", "1", "4/4", "-1/4", "1/0", "1/4/2", "a/b", "1 /4"])
    func textThatIsNoPartIsRefused(_ text: String) throws {
        let error = try #require(throws: DataError.self) { try Shard(text) }
        #expect(error.message.contains("i/n") && error.exitStatus == .usage, "\(error)")
    }

    @Test(
        arguments: [
            (["SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "0"], "2/4"),
            (["SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1"], "0/4"),
            (
                [
                    "SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1",
                    "SLURM_ARRAY_TASK_STEP": "2",
                ], "3/4"
            ),
            (["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "3"], "1/3"),
            (["OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"], "0/1"),
            // Two ranks in each of four tasks.
            (
                [
                    "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "0",
                    "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2",
                ], "7/8"
            ),
        ] as [([String: String], String)])
    func theEnvironmentNamesAPart(_ environment: [String: String], part: String) throws {
        #expect(try Shard(environment: environment).description == part)
    }

    @Test func anEnvironmentWithoutPartsIsRefused() throws {
        let error = try #require(throws: DataError.self) { try Shard(environment: ["SLURM_NTASKS": "1"]) }
        #expect(error.message.contains("sbatch --array"))
    }

    /// `--array=1,3`, `--array=0,1,5`, and `--array=0,2` with the step of another array.
    @Test(arguments: [(3, 2, 1, 3, 1), (5, 3, 0, 5, 1), (1, 2, 0, 2, 2)])
    func anArrayWithGapsIsRefused(_ id: Int, count: Int, first: Int, last: Int, step: Int) throws {
        let error = try #require(throws: DataError.self) {
            try Shard(environment: [
                "SLURM_ARRAY_TASK_ID": "\(id)", "SLURM_ARRAY_TASK_COUNT": "\(count)",
                "SLURM_ARRAY_TASK_MIN": "\(first)", "SLURM_ARRAY_TASK_MAX": "\(last)",
                "SLURM_ARRAY_TASK_STEP": "\(step)",
            ])
        }
        #expect(error.message.contains("$SLURM_ARRAY_TASK_ID/4") && error.exitStatus == .usage, "\(error)")
    }
}
