internal import Foundation
internal import SegCore
internal import SegData
internal import SegImaging
internal import SegInference
internal import SegTrain

/// Run folders that are the folds of one cross-validation, of one configuration or of several.
public struct FoldSet {
    /// The folds of one configuration, which together use each case of the dataset once for validation.
    public struct Configuration {
        /// The name of the configuration in tables and files.
        public let name: String
        /// The runs, in the given order.
        public let runs: [FoldRun]
    }

    /// The configurations, in the given order.
    public let configurations: [Configuration]
    /// The dataset of the first run.
    public let dataset: String
    /// The cases of the dataset.
    public let cases: [String]

    /// Opens run folders and checks that they belong together.
    /// - Throws: `DataError` that names everything that is missing or does not fit: unfinished runs, cases that are in
    ///   the validation of no fold or of several folds, different data, different classes.
    public init(runs folders: [String]) throws {
        let faults = FaultList(source: "the folds", key: nil)
        for (folder, count) in Dictionary(folders.map { (Self.path($0), 1) }, uniquingKeysWith: +) where count > 1 {
            faults.part { throw DataError(.badArgument, folder, "is given \(count) times; give each run once") }
        }
        let runs = folders.compactMap { folder in faults.part { try FoldRun(folder: folder) } }
        for run in runs { faults.part { try Self.checkTrained(run) } }
        let names = Set(runs.flatMap { $0.split.training + $0.split.validation })
        cases = names.sorted()
        dataset = runs.first?.configuration.data ?? ""
        configurations = Self.grouped(runs)
        Self.checkSameData(runs, faults)
        for configuration in configurations {
            if Self.reserved.contains(configuration.name) {
                faults.part {
                    throw DataError(
                        .badArgument, configuration.name,
                        "is the name of a folder of the summary; rename the run's folder")
                }
            }
            faults.part { try Self.checkCovers(configuration, names, besides: configurations[0]) }
        }
        faults.part { try Self.checkSameClasses(runs) }
        try faults.finish()
    }

    /// The names of the folders beside the configurations' folders in a summary.
    package static let reserved: Set<String> = ["model", "figures"]

    private static func path(_ folder: String) -> String { URL(fileURLWithPath: folder).standardizedFileURL.path }

    /// Groups the runs of each configuration, under distinct names.
    private static func grouped(_ runs: [FoldRun]) -> [Configuration] {
        var kinds: [ConfigValue] = []
        var members: [ConfigValue: [FoldRun]] = [:]
        for run in runs {
            if members[run.kind] == nil { kinds.append(run.kind) }
            members[run.kind, default: []].append(run)
        }
        var taken: [String: Int] = [:]
        return kinds.compactMap { kind in
            guard let runs = members[kind], let first = runs.first else { return nil }
            let number = taken[first.name, default: 0] + 1
            taken[first.name] = number
            return Configuration(name: number == 1 ? first.name : "\(first.name)-\(number)", runs: runs)
        }
    }

    private static func checkTrained(_ run: FoldRun) throws {
        switch run.standing {
        case .trained: return
        case .missing, .begun:
            throw DataError(
                .badData, run.folder,
                "was cut off before its first checkpoint; start again: medseg train --resume \(run.folder)")
        case .stopped(let step, let count):
            throw DataError(
                .badData, run.folder,
                "was cut off after step \(step) of \(count); continue: medseg train --resume \(run.folder)")
        }
    }

    private static func checkCovers(
        _ configuration: Configuration, _ names: Set<String>, besides first: Configuration
    ) throws {
        let times = Dictionary(configuration.runs.flatMap(\.split.validation).map { ($0, 1) }, uniquingKeysWith: +)
        let absent = names.filter { times[$0] == nil }.sorted()
        let several = times.filter { $0.value > 1 }.keys.sorted()
        guard absent.isEmpty, several.isEmpty else {
            let reasons = [
                absent.isEmpty
                    ? nil : "no fold sets aside \(absent.shortList()): train the folds that do, and give them too",
                several.isEmpty ? nil : "several folds set aside \(several.shortList()): give each fold once",
                differences(of: configuration, from: first),
            ]
            throw DataError(.badData, configuration.name, reasons.compactMap(\.self).joined(separator: "; "))
        }
    }

    /// The keys in which a configuration differs from the first one; nil for the first one itself.
    private static func differences(of configuration: Configuration, from first: Configuration) -> String? {
        guard configuration.name != first.name, case .object(let own)? = configuration.runs.first?.kind,
            case .object(let other)? = first.runs.first?.kind
        else { return nil }
        let keys = Set(own.keys).union(other.keys).filter { own[$0] != other[$0] }.sorted()
        return "it differs from the configuration \(first.name) in \(keys.joined(separator: ", "))"
    }

    /// Checks that each case has the same files in every run.
    private static func checkSameData(_ runs: [FoldRun], _ faults: FaultList) {
        guard let first = runs.first(where: { $0.data != nil }), let known = first.data?.digests else { return }
        for run in runs {
            guard let digests = run.data?.digests else { continue }
            let others = digests.filter { known[$0.key] != $0.value }.keys.sorted()
            let absent = known.keys.filter { digests[$0] == nil }.sorted()
            guard !others.isEmpty || !absent.isEmpty else { continue }
            faults.part {
                throw DataError(
                    .badData, run.folder,
                    "was trained on other data than \(first.folder): \((others + absent).shortList()) differ; use runs of one dataset"
                )
            }
        }
    }

    private static func checkSameClasses(_ runs: [FoldRun]) throws {
        let trained = try runs.filter { $0.standing == .trained }.map { run in
            (run, try ModelFolder.description(of: run.modelFolder))
        }
        for (run, model) in trained where model.maskPlan.isRegions || model.labelScheme.regions != nil {
            throw DataError(
                .badData, run.folder, "has regions that may overlap; the folds of such runs cannot be combined")
        }
        guard let (first, model) = trained.first else { return }
        for (run, other) in trained
        where other.labels != model.labels || other.labelScheme != model.labelScheme {
            throw DataError(
                .badData, run.folder, "has other classes than \(first.folder); give runs with the same classes")
        }
    }
}
