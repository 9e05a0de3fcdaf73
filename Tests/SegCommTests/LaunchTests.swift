import SegComm
import Testing

@Test(
    arguments: [
        (["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"], .openMPI, 1, 4),
        // Open MPI's mpirun within a Slurm job.
        (
            [
                "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4", "PMIX_RANK": "1", "SLURM_PROCID": "0",
                "SLURM_STEP_NUM_TASKS": "2",
            ], .openMPI, 1, 4
        ),
        (["PMI_RANK": "2", "PMI_SIZE": "3"], .pmi, 2, 3),
        (["PMI_RANK": "0", "PMI_SIZE": "2", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"], .pmi, 0, 2),
        (["PMIX_RANK": "0", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"], .slurmPMIx, 0, 2),
        (["SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"], .slurm, 1, 2),
    ] as [([String: String], Launch.Launcher, Int, Int)])
func aLauncherIsKnownByItsVariables(
    _ environment: [String: String], launcher: Launch.Launcher, rank: Int, count: Int
) throws {
    let launch = try #require(Launch(environment: environment))
    #expect(launch.launcher == launcher && launch.rank == rank && launch.count == count)
    #expect(Launch.remarkOnAllocation(environment: environment) == nil)
}

@Test(
    arguments: [
        [:], ["OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"], ["PMI_RANK": "0", "PMI_SIZE": "1"],
        ["SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "1"],
    ] as [[String: String]])
func oneProcessIsAlone(_ environment: [String: String]) {
    #expect(Launch(environment: environment) == nil)
    #expect(Launch.remarkOnAllocation(environment: environment) == nil)
}

/// A batch script of sbatch is one process, however many tasks the job has.
@Test func aScriptOfSeveralTasksIsToldToUseSrun() throws {
    let script = ["SLURM_PROCID": "0", "SLURM_NTASKS": "4"]
    #expect(Launch(environment: script) == nil)
    #expect(try #require(Launch.remarkOnAllocation(environment: script)).contains("srun"))
}
