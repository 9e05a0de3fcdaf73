/// The launcher of this process and its ranks, from the environment variables.
public struct Launch: Hashable, Sendable {
    /// The program that started the ranks, which also decides the MPI library.
    public enum Launcher: Hashable, Sendable {
        /// Open MPI's `mpirun`.
        case openMPI
        /// `mpirun` of MPICH, or `srun --mpi=pmi2`.
        case pmi
        /// `srun --mpi=pmix`.
        case slurmPMIx
        /// `srun` without an MPI interface.
        case slurm
    }

    /// The program that started the ranks.
    public let launcher: Launcher
    /// This rank, from 0.
    public let rank: Int
    /// The number of all ranks.
    public let count: Int

    /// Creates a launch from the variables of Open MPI, PMI and Slurm; nil if one process was started alone.
    public init?(environment: [String: String]) {
        guard let launch = Self.place(environment), launch.count > 1 else { return nil }
        self = launch
    }

    private init(launcher: Launcher, rank: Int, count: Int) {
        (self.launcher, self.rank, self.count) = (launcher, rank, count)
    }

    /// The launch from the variables, even if the launcher started only one process.
    package static func place(_ environment: [String: String]) -> Launch? {
        func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
        // A process that mpirun starts inside a Slurm job has the variables of both; mpirun's count is the right one.
        let places: [(launcher: Launcher, rank: String, count: String)] = [
            (.openMPI, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
            (.pmi, "PMI_RANK", "PMI_SIZE"),
            (environment["PMIX_RANK"] == nil ? .slurm : .slurmPMIx, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
        ]
        for place in places {
            guard let rank = number(place.rank), let count = number(place.count) else { continue }
            return Launch(launcher: place.launcher, rank: rank, count: count)
        }
        return nil
    }

    /// A sentence for a process that runs alone in an allocation of several tasks; otherwise nil.
    public static func remarkOnAllocation(environment: [String: String]) -> String? {
        guard environment["SLURM_STEP_NUM_TASKS"] == nil, Launch(environment: environment) == nil,
            let tasks = environment["SLURM_NTASKS"].flatMap({ Int($0) }), tasks > 1
        else { return nil }
        return "Slurm allocated \(tasks) tasks, but this is a single process; start it with srun for \(tasks) ranks"
    }

    /// The MPI library that belongs to the launcher; nil if it has none.
    var flavour: String? {
        switch launcher {
        case .openMPI, .slurmPMIx: "openmpi"
        case .pmi: "mpich"
        case .slurm: nil
        }
    }

    /// The remedy if the launcher's MPI library is missing or reports another number of ranks.
    var advice: String {
        switch launcher {
        case .openMPI: "this mpirun serves Open MPI"
        case .pmi: "this launcher serves MPICH; Open MPI needs its own mpirun, or srun --mpi=pmix"
        case .slurmPMIx: "srun --mpi=pmix serves Open MPI; MPICH needs srun --mpi=pmi2"
        case .slurm: "start it with srun --mpi=pmix for Open MPI, or srun --mpi=pmi2 for MPICH"
        }
    }
}
