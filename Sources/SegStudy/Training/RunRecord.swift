internal import Foundation
internal import SegCore
package import SegData
internal import SegImaging
package import SegInference
internal import SegModels
package import SegNN
internal import SegNNUNet
package import SegTrain

/// The files that a training run writes while it runs, except the checkpoint.
package struct RunRecord {
    /// A model folder of a run.
    package enum Model: String, CaseIterable {
        /// The best network by validation, or the latest if there are no validation cases.
        case best = "model"
        /// The latest network.
        case last
    }

    private let folder: String
    private let training: RunTable
    private let validation: RunTable
    private let validationCases: RunTable
    /// The Dice by class, or by region from 0; nil if there is one foreground class.
    private let validationClasses: RunTable?
    /// The seconds until the last step.
    package private(set) var seconds = 0.0

    /// Starts a record or continues one; rows of steps after the checkpoint are dropped, because these steps are
    /// repeated.
    /// - Parameters:
    ///   - companions: Files that a new run stores beside its configuration.
    ///   - state: The state of the checkpoint; nil before the first.
    ///   - isResumed: Whether the folder contains this run, which is continued; if not, the files of any earlier run are
    ///     removed.
    ///   - note: Called with a sentence if a table is damaged or lacks steps.
    package init(
        folder: String, configuration: TrainingConfiguration, split: Dataset.Split,
        companions: [(name: String, content: [UInt8])] = [], from state: TrainingState?, isResumed: Bool,
        note: (String) -> Void
    ) throws {
        self.folder = folder
        if !isResumed {
            Self.removeRun(folder)
            for (name, content) in companions {
                try OutputFolder.make(URL(fileURLWithPath: "\(folder)/\(name)").deletingLastPathComponent().path)
                try DurableFile.write(content, to: "\(folder)/\(name)")
            }
        }
        // The configuration comes before the tables, because a folder with a configuration can be resumed.
        try OutputFolder.write(configuration.resolved.jsonText(), to: folder + "/config.json")
        try OutputFolder.write(split.names(source: folder).json(), to: folder + "/split.json")
        var expected = RunTable.Expected()
        expected.last = state?.iteration ?? 0
        expected.steps = Set(1..<expected.last + 1)
        training = try RunTable(
            folder + "/training.csv", columns: ["step", "seconds", "learning_rate", "loss"], expected: expected,
            note: note)
        expected.last = state?.validatedAt ?? 0
        expected.steps = Set(
            stride(from: configuration.validateEvery, through: expected.last, by: configuration.validateEvery))
        if expected.last > 0 { expected.steps.insert(expected.last) }
        if split.validation.isEmpty { expected.steps = [] }
        // The mean has a file of its own, so that a plot of it finds one row per step.
        validation = try RunTable(
            folder + "/validation.csv", columns: ["step", "dice"], expected: expected, note: note)
        var byCase = expected
        byCase.rowsPerStep = split.validation.count
        // A pseudo Dice pools the patches of all cases, so there are no rows per case.
        if configuration.pseudoDice != nil { byCase.steps = [] }
        validationCases = try RunTable(
            folder + "/validation_cases.csv", columns: ["step", "case", "dice"], expected: byCase, note: note)
        let classes = try configuration.model.labelScheme.regions?.count ?? configuration.model.classCount - 1
        let classFile = folder + "/validation_classes.csv"
        expected.rowsPerStep = classes
        // A run of an earlier version, which did not write this table, has no such file.
        if !FileManager.default.fileExists(atPath: classFile) { expected.steps = [] }
        validationClasses =
            classes > 1
            ? try RunTable(classFile, columns: ["step", "class", "dice"], expected: expected, note: note) : nil
        if let row = training.kept.last { seconds = Double(row[1]) ?? 0 }
    }

    /// Removes the files of an earlier run that could be mistaken for this run's, its checkpoint first.
    private static func removeRun(_ folder: String) {
        for name in ["checkpoint.safetensors", "config.json"] + Model.allCases.map(\.rawValue) {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            DurableFile.syncFolder(of: "\(folder)/\(name)")
        }
        NNUNetOrigin.remove(fromRun: folder)
        FoldValidation.remove(fromRun: folder)
    }

    package mutating func append(_ step: TrainingStep) throws {
        seconds = step.seconds
        let numbers = String(format: "%.3f %.6e %.7f", step.seconds, step.learningRate, step.loss)
        try training.append(["\(step.iteration)"] + numbers.split(separator: " ").map(String.init))
    }

    package func append(_ result: ValidationResult) throws {
        for (name, dice) in result.scores.cases {
            try validationCases.append(
                ["\(result.iteration)", name, dice.map { String(format: "%.6f", $0) } ?? ""])
        }
        for (label, dice) in result.scores.classes {
            try validationClasses?.append(
                ["\(result.iteration)", "\(label)", dice.map { String(format: "%.6f", $0) } ?? ""])
        }
        try validation.append(
            ["\(result.iteration)", result.scores.mean.isNaN ? "" : String(format: "%.6f", result.scores.mean)])
    }

    /// Waits until the tables are on the disk; call it before the checkpoint that follows them is written.
    package func sync() throws {
        for table in [training, validation, validationCases] { try table.sync() }
        try validationClasses?.sync()
    }

    package func save(_ model: ModelDescription, _ store: ParameterStore, as kind: Model) throws {
        let place = "\(folder)/\(kind.rawValue)"
        try OutputFolder.make(place)
        try ModelFolder.write(model, [store.state()], to: place)
    }
}
