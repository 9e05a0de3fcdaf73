import ArgumentParser
import Foundation
import SegComm
import SegCore
import SegInference
import SegStudy

/// Options of predictions that several processes divide among them.
struct ShardOptions: ParsableArguments {
    @Option(
        help: """
            Segment part I of N of the scans, from 0/N; auto takes the task of a Slurm array or the rank of srun or mpirun. \
            Scans whose files are all there are skipped, so that a part may be run again.
            """)
    var shard: String?

    @Flag(
        help:
            "Segment nothing: check that the parts of --shard have left no scan out, and with --report join report.csv."
    )
    var collect = false

    /// Whether the scans are divided, and files that are there belong to other parts.
    var isDivided: Bool { shard != nil || collect }

    /// The part that is asked for; nil for all scans.
    /// - Throws: `UsageError` and `DataError` where the options make no sense.
    func part() throws -> Shard? {
        let environment = ProcessInfo.processInfo.environment
        guard let shard else {
            if let count = Launch(environment: environment)?.count {
                throw UsageError(
                    "a launcher started \(count) processes, and each would do all of this: add --shard auto to divide the scans "
                        + "among them, --shard 0/1 where each was given scans of its own, or start one process")
            }
            return nil
        }
        guard !collect else { throw UsageError("--collect comes after all parts; leave --shard out") }
        return shard == "auto"
            ? try Shard(environment: environment) : try Shard(shard)
    }
}

extension PredictionFiles {
    /// Whether all files of the scan are there. Each is written whole or not at all.
    func isFinished(_ extras: Extras, labels: Range<Int>) -> Bool {
        all(extras, labels: labels).allSatisfy(FileManager.default.fileExists)
    }
}

extension PredictCommand {
    /// The scans of a part that are not finished yet.
    func unfinished(
        _ jobs: [PredictionFiles], of part: Shard, _ extras: PredictionFiles.Extras, labels: Range<Int>
    ) -> [PredictionFiles] {
        let own = part.share(of: jobs)
        let left = force ? own : own.filter { !$0.isFinished(extras, labels: labels) }
        print(
            "shard \(part): \(own.count) of \(jobs.count) scans, of which \(own.count - left.count) are finished already"
        )
        return left
    }

    /// Checks that every scan is finished, and joins what the parts say of them.
    func collect(_ jobs: [PredictionFiles], _ extras: PredictionFiles.Extras, labels: Range<Int>) throws {
        try ShardRecord.check(out, arguments: Array(CommandLine.arguments.dropFirst(2)), replacing: false)
        let missing = jobs.filter { !$0.isFinished(extras, labels: labels) }.map(\.stem)
        guard missing.isEmpty else {
            throw DataError(
                .noInput, out,
                "\(missing.count) of \(jobs.count) scans are not finished: \(missing.shortList()); run their parts again, which "
                    + "skip what is there")
        }
        if report {
            try OutputFolder.refuseExisting(table, force: force)
            var joined = try ScanTable(path: table)
            try joined.add(reportFiles: jobs.map(\.report))
            try joined.write()
        }
        print("\(out): all \(jobs.count) scans are finished" + (report ? "; \(table) has them all" : ""))
    }
}
