import ArgumentParser
import Foundation
import SegCore
import SegData
import SegImaging

/// `medseg data split`.
struct SplitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "split",
        abstract: "Sets cases aside: one split, k folds, or the report's own.",
        discussion: """
            Writes the lists 'training', 'validation' and 'test'. A training takes one as `validation: FILE`, \
            `medseg evaluate --split FILE` measures its validation cases.
            """)

    @Argument(help: "A dataset: a folder or its dataset.json.")
    var data: String

    @Option(help: "The file to write; with --folds the folder that gets fold_0.json and so on.")
    var out: String

    @Option(help: "Share of the cases for validation.")
    var validation = 0.2

    @Option(help: "Share of the cases for the last test alone.")
    var test = 0.0

    @Option(help: "Number of folds; each is the validation of one split.")
    var folds: Int?

    @Option(help: "Decides the split; the same seed makes the same one.")
    var seed: UInt32 = 0

    @Flag(help: "The report's split of Task09: its 5 test cases, 8 for validation, 28 for training.")
    var report = false

    @Flag(help: "Write over existing files.")
    var force = false

    func run() throws {
        let dataset = try Dataset(path: data)
        if report {
            guard folds == nil else { throw UsageError("--report is one split; it has no --folds") }
            try write(dataset.reportSplit(), to: out)
        } else if let folds {
            try OutputFolder.prepare(out, force: force)
            for (number, split) in try dataset.folds(folds, test: test, seed: seed).enumerated() {
                try write(split, to: "\(out)/fold_\(number).json")
            }
        } else {
            try write(dataset.split(validation: validation, test: test, seed: seed), to: out)
        }
    }

    private func write(_ split: CaseSplit, to file: String) throws {
        guard force || !FileManager.default.fileExists(atPath: file) else {
            throw DataError(.cannotWrite, file, "exists already; name another file or allow --force")
        }
        try OutputFolder.write(split.json(), to: file)
        print(
            "\(file): \(split.training.count) for training, \(split.validation.count) for validation, "
                + "\(split.test.count) for test")
    }
}
