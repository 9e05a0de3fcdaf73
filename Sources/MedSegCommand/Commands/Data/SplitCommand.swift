import ArgumentParser
import SegData
import SegImaging
import SegStudy

/// `medseg data split`.
struct SplitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "split",
        abstract: "Splits the cases of a dataset: one split, k folds, or the split of the MED_Segmentation report.",
        discussion: """
            Writes the lists 'training', 'validation' and 'test'. A training configuration uses the file as \
            `validation: FILE`; `medseg evaluate --split FILE` measures its validation cases. If the index has a split \
            of its own (a list 'validation' or a 'fold' for each case), that split is written unless a share is given.
            """)

    @Argument(help: "A dataset: a folder or its dataset.json.")
    var data: String

    @Option(help: "The file to write; with --folds the folder for fold_0.json and so on.")
    var out: String

    @Option(help: "Share of the cases for validation; default the index's own split, else 0.2.")
    var validation: Double?

    @Option(help: "Share of the cases that are kept for the final test.")
    var test: Double?

    @Option(help: "Number of folds; each is the validation set of one split.")
    var folds: Int?

    @Option(help: "The random seed; the same seed gives the same split.")
    var seed: UInt32 = 0

    @Flag(help: "The split of Task09 in the MED_Segmentation report: 5 test, 8 validation and 28 training cases.")
    var report = false

    @Flag(help: "Write over existing files.")
    var force = false

    func run() throws {
        let dataset = try Dataset(path: data)
        dataset.remarks.forEach(note)
        if report {
            guard folds == nil, validation == nil, test == nil else {
                throw UsageError("--report gives a fixed split; leave out --folds, --validation and --test")
            }
            try write(dataset.reportSplit(), to: out)
        } else if let folds {
            guard validation == nil else {
                throw UsageError(
                    "--validation applies to one split, but --folds makes several; leave one of the two out")
            }
            let splits = try split(dataset, folds: folds)
            try OutputFolder.prepare(out, force: force)
            for (number, split) in splits.enumerated() { try write(split, to: "\(out)/fold_\(number).json") }
        } else if let own = dataset.ownSplits.first, validation == nil, test == nil {
            dataset.ownSplitNote.map(note)
            try write(own, to: out)
        } else {
            noteUnused(dataset)
            try write(dataset.split(validation: validation ?? 0.2, test: test ?? 0, seed: seed), to: out)
        }
    }

    /// The folds of the dataset's index, or folds drawn with the seed.
    private func split(_ dataset: Dataset, folds: Int) throws -> [CaseSplit] {
        guard dataset.ownSplits.count > 1, test == nil else {
            noteUnused(dataset)
            return try dataset.folds(folds, test: test ?? 0, seed: seed)
        }
        guard dataset.ownSplits.count == folds else {
            throw UsageError(
                "--folds is \(folds), but the index of \(data) has \(dataset.ownSplits.count) folds; "
                    + "give --folds \(dataset.ownSplits.count) or remove the key 'fold'")
        }
        return dataset.ownSplits
    }

    private func noteUnused(_ dataset: Dataset) {
        if !dataset.ownSplits.isEmpty { note("\(dataset.name): the index's own split is not used; a new one is made") }
    }

    private func write(_ split: CaseSplit, to file: String) throws {
        try OutputFolder.refuseExisting(file, force: force)
        try OutputFolder.write(split.json(), to: file)
        print(
            "\(file): \(split.training.count) for training, \(split.validation.count) for validation, "
                + "\(split.test.count) for test")
    }
}
