internal import SegComm
public import SegCore

/// Part i of n of a list of inputs, with i from 0; each part is for one process. It is written `i/n`.
public struct Shard: Hashable, Sendable, CustomStringConvertible {
    /// The index of the part, from 0.
    public let index: Int
    /// The number of parts.
    public let count: Int

    /// Reads `i/n`.
    /// - Throws: `DataError` if the text is not such a part.
    public init(_ text: String) throws(DataError) {
        let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let index = numbers[0], let count = numbers[1], index >= 0, index < count else {
            throw DataError(
                .badArgument, "--shard",
                "should be i/n with i from 0 to n - 1, such as 0/4 for the first of four, or auto; not '\(text)'")
        }
        (self.index, self.count) = (index, count)
    }

    /// The part for a task of a Slurm array, for a rank that `mpirun` or `srun` started, or for a rank of such a task.
    /// - Throws: `DataError` if the environment contains neither, or if the array leaves numbers out, such as
    ///   `--array=1,3`: then the parts of the other tasks are unknown.
    public init(environment: [String: String]) throws(DataError) {
        func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
        let ranks = Launch.place(environment)
        var task: (index: Int, count: Int)?
        if let id = number("SLURM_ARRAY_TASK_ID"), let count = number("SLURM_ARRAY_TASK_COUNT") {
            let first = number("SLURM_ARRAY_TASK_MIN") ?? 0
            let step = max(number("SLURM_ARRAY_TASK_STEP") ?? 1, 1)
            let last = number("SLURM_ARRAY_TASK_MAX") ?? first + step * (count - 1)
            guard (first...max(first, last)).contains(id), (id - first) % step == 0, (last - first) / step + 1 == count
            else {
                throw DataError(
                    .badArgument, "--shard",
                    "auto cannot find the parts of a Slurm array that leaves numbers out, as --array=1,3 does; give "
                        + "part and number of parts: --shard \"$SLURM_ARRAY_TASK_ID/4\" if the array was 0-3 at first")
            }
            task = ((id - first) / step, count)
        }
        guard ranks != nil || task != nil else {
            throw DataError(
                .badArgument, "--shard",
                "auto finds neither a task of a Slurm array (sbatch --array) nor ranks (srun, mpirun); give i/n")
        }
        count = (task?.count ?? 1) * (ranks?.count ?? 1)
        index = (task?.index ?? 0) * (ranks?.count ?? 1) + (ranks?.rank ?? 0)
    }

    /// The text `i/n`, such as `0/4`.
    public var description: String { "\(index)/\(count)" }

    /// The items of this part: every `count`-th item. If the items are sorted by size, all parts then have about the same total
    /// size.
    public func share<Item>(of items: [Item]) -> [Item] {
        stride(from: index, to: items.count, by: count).map { items[$0] }
    }
}
