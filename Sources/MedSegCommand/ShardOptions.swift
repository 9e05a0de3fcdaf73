import ArgumentParser
import Foundation
import SegComm
import SegCore
import SegInference
import SegStudy

/// Options for dividing a prediction among several processes.
struct ShardOptions: ParsableArguments {
    @Option(
        help: """
            Segment part I of N of the scans, from 0/N; auto uses the task of a Slurm array or the rank of srun or \
            mpirun. Finished scans are skipped, therefore a part may be run again.
            """)
    var shard: String?

    @Flag(
        help:
            "Segment nothing; check that the parts of --shard left no scan out, and with --report write one report.csv."
    )
    var collect = false

    /// Whether the scans are divided among processes; existing files then belong to other parts.
    var isDivided: Bool { shard != nil || collect }

    /// The requested part; nil for all scans.
    /// - Throws: `UsageError` or `DataError` if the options are invalid.
    func part() throws -> Shard? {
        let environment = ProcessInfo.processInfo.environment
        guard let shard else {
            if let count = Launch(environment: environment)?.count {
                throw UsageError(
                    "a launcher started \(count) processes, and each would segment all scans: pass --shard auto to "
                        + "divide the scans among them, --shard 0/1 if each has scans of its own, or start one process")
            }
            return nil
        }
        guard !collect else { throw UsageError("--collect runs after all parts; leave --shard out") }
        return shard == "auto"
            ? try Shard(environment: environment) : try Shard(shard)
    }
}

extension ModelOptions {
    /// The files of weights and descriptions, including those of a first stage.
    fileprivate func files() throws -> [String] {
        let paths = model + nnunet + [weights, bundle].compactMap(\.self)
        var sources = try paths.map { try ModelSource($0, network: network, bundleChanges, nnunetChoice) }
        // A first stage whose masks are given has no files of its own.
        sources += sources.compactMap { try? $0.firstStage(bundleChanges, nnunetChoice) }
        let files = paths + sources.flatMap { $0.files + [$0.description?.file].compactMap(\.self) }
        return Set(files).filter(FileStamp.isFile).sorted()
    }
}

extension PredictCommand {
    /// The arguments, model files and scans that all parts of the prediction share.
    func work(_ jobs: [PredictionFiles]) throws -> ShardRecord.Work {
        try ShardRecord.Work(
            arguments: Array(CommandLine.arguments.dropFirst(2)), model: model.files(), scans: jobs, folder: out)
    }

    /// The scans of a part that are not finished yet.
    /// - Throws: `DataError` that names an existing file of another prediction that would be overwritten.
    func unfinished(
        _ jobs: [PredictionFiles], of part: Shard, _ record: ShardRecord, _ extras: PredictionFiles.Extras,
        labels: [Int]
    ) throws -> [PredictionFiles] {
        let own = part.share(of: jobs)
        let left = force ? own : own.filter { !$0.isFinished(record, extras, labels: labels) }
        for job in left where record.state(of: job.stem) == nil {
            for path in job.all(extras, labels: labels) { try OutputFolder.refuseExisting(path, force: force) }
        }
        print(
            "shard \(part): \(own.count) of \(jobs.count) scans, of which \(own.count - left.count) are finished already"
        )
        return left
    }

    /// Checks that every scan is finished or has failed with a known error, and joins the parts' reports.
    func collect(_ jobs: [PredictionFiles], _ extras: PredictionFiles.Extras, labels: [Int]) throws {
        let record = try ShardRecord.open(out, work(jobs))
        var (finished, missing, failures): ([PredictionFiles], [String], [DataError]) = ([], [], [])
        for job in jobs {
            if job.isFinished(record, extras, labels: labels) {
                finished.append(job)
            } else if case .failed(let reason) = record.state(of: job.stem) {
                failures.append(DataError(.badData, job.input, reason))
            } else {
                missing.append(job.stem)
            }
        }
        guard missing.isEmpty else {
            throw DataError(
                .noInput, out,
                "\(missing.count) of \(jobs.count) scans are not finished: \(missing.shortList()); run their parts "
                    + "again; finished scans are skipped")
        }
        // No part is writing any more.
        for folder in [out, "\(out)/.shards"] { DurableFile.removeLeftovers(in: folder) }
        if report {
            try OutputFolder.refuseExisting(table, force: force)
            var joined = try ScanTable(path: table)
            try joined.add(reportFiles: finished.map(\.report))
            try joined.write()
        }
        if let first = failures.first {
            failures.forEach { note("medseg: \($0)") }
            throw PartialFailure(
                cause: first,
                "\(failures.count) of \(jobs.count) scans could not be segmented; see above. All others are finished"
                    + (report ? ", and in \(table)" : "") + "; running a part again retries them")
        }
        print("\(out): all \(jobs.count) scans are finished" + (report ? "; \(table) lists all of them" : ""))
    }
}

extension PredictionFiles {
    /// Whether the record marks the scan as finished and all its files exist.
    fileprivate func isFinished(_ record: ShardRecord, _ extras: Extras, labels: [Int]) -> Bool {
        record.state(of: stem) == .done && all(extras, labels: labels).allSatisfy(FileManager.default.fileExists)
    }
}
