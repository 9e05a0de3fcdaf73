internal import Foundation
public import SegBackend
internal import SegCore
internal import SegInference
internal import SegModels
internal import SegNN
public import SegNNUNet
public import SegTrain

extension FoldRun {
    /// Writes the run as a fold of a results folder of nnU-Net v2, from its last checkpoint.
    /// - Parameters:
    ///   - results: The folder that nnU-Net calls `nnUNet_results`.
    ///   - backend: The backend for the network's weights during the export.
    /// - Returns: The fold's folder.
    /// - Throws: `DataError` if the run has no plans or changed ones, or a file cannot be read or written.
    public func export(to results: String, on backend: any Backend) throws -> String {
        let exported = Exported(folder: folder, configuration: configuration, origin: origin, isNew: false)
        return try NNUNetExport(Self.plans(of: exported)).write(trained(on: backend), to: results, run: folder)
    }

    /// A training run, finished or still to come, that is to be exported to nnU-Net.
    public struct Exported {
        let folder: String
        let configuration: TrainingConfiguration
        let origin: NNUNetOrigin?
        let isNew: Bool

        /// Creates an export of a run.
        /// - Parameters:
        ///   - folder: The run folder.
        ///   - configuration: The training configuration.
        ///   - origin: The nnU-Net plans of the run; nil for none.
        ///   - isNew: Whether the run is still to come, so that the content of the folder belongs to another run.
        public init(folder: String, configuration: TrainingConfiguration, origin: NNUNetOrigin?, isNew: Bool) {
            (self.folder, self.configuration, self.origin, self.isNew) = (folder, configuration, origin, isNew)
        }
    }

    /// Checks, before anything is trained, that runs can be written as folds of a results folder of nnU-Net v2.
    /// - Throws: `DataError` that names every obstacle: missing or changed plans, a length that nnU-Net does not have,
    ///   another run's checkpoint, two runs that would be the same fold.
    public static func checkExports(_ trainings: [Exported], to results: String) throws {
        let faults = FaultList(source: results, key: nil)
        var targets: [String: String] = [:]
        for training in trainings {
            faults.part {
                let known = training.isNew ? [] : try NNUNetOrigin.exported(ofRun: training.folder)
                let target = try NNUNetExport(plans(of: training)).checkTarget(
                    in: results, epochs: epochs(of: training.configuration), known: known)
                if let other = targets.updateValue(training.folder, forKey: target) {
                    throw DataError(
                        .badArgument, training.folder,
                        "would be the same fold of nnU-Net as \(other), namely \(target); export only one of the two")
                }
            }
        }
        try faults.finish()
    }

    /// The plans of a run, after checking that the run follows them.
    private static func plans(of training: Exported) throws -> NNUNetOrigin {
        guard let origin = training.origin else {
            throw DataError(
                .badArgument, training.folder,
                "has no plans of nnU-Net and therefore cannot be exported; train with --nnunet-plan")
        }
        try checkIsPlanned(training.configuration, origin, training.folder)
        return origin
    }

    private static func epochs(of configuration: TrainingConfiguration) -> Int {
        (configuration.iterations + NNUNetRecipe.epoch - 1) / NNUNetRecipe.epoch
    }

    /// Checks that a run follows its plans, because nnU-Net reads the weights by the plans.
    private static func checkIsPlanned(
        _ configuration: TrainingConfiguration, _ origin: NNUNetOrigin, _ folder: String
    ) throws {
        let recipe = try NNUNetRecipe(
            plans: origin.plans, configuration: origin.configuration, dataset: origin.dataset)
        let planned = try TrainingConfiguration(
            recipe.document(data: configuration.data, validation: []), source: origin.plans)
        guard case .object(let planned) = planned.resolved, case .object(let own) = configuration.resolved else {
            return
        }
        let keys = [
            "network_def", "preprocessing", "roi_size", "labels", "regions", "sampling", "loss", "optimizer",
            "schedule",
            "accumulate", "freeze", "minutes", "ema", "regions_order", "keep_numbers",
        ]
        let changed = keys.filter { planned[$0] != own[$0] }
        guard changed.isEmpty else {
            throw DataError(
                .badArgument, folder,
                "\(changed.joined(separator: ", ")) \(changed.count == 1 ? "is" : "are") not as in the plans, which nnU-Net "
                    + "uses to read the weights; train with the plans unchanged")
        }
        guard case .sgd(_, 0, true, _) = configuration.optimizer else {
            throw DataError(
                .badArgument, folder,
                "was not trained by SGD with Nesterov's momentum, whose state nnU-Net needs to continue; train "
                    + "with the optimiser of the plans")
        }
    }

    /// The content of the last checkpoint, with the values of the epochs from the tables.
    private func trained(on backend: any Backend) throws -> NNUNetTrained {
        let checkpoint = try Checkpoint(file: "\(folder)/checkpoint.safetensors")
        let model = configuration.model
        let names = try model.makeNetwork(on: backend, seed: 0).store.trained.map(\.name)
        let parameters = try names.map { name in
            guard let values = checkpoint.tensors["model.\(name)"] else {
                throw DataError(.badData, "\(folder)/checkpoint.safetensors", key: name, "is missing")
            }
            return NNUNetTrained.Parameter(
                name: name, values: values, momentum: checkpoint.tensors["optimizer.momentum_buffer.\(name)"])
        }
        guard case .sgd(let momentum, _, _, let decay) = configuration.optimizer else {
            preconditionFailure("the optimiser is looked at before")
        }
        let length = NNUNetRecipe.epoch
        // The axes of a 2-D network are counted without the first axis of the volume.
        let shift = model.roiSize?.d == 1 ? 1 : 0
        return NNUNetTrained(
            parameters: parameters, epochs: try epochs(checkpoint.state.iteration / length, of: length),
            plannedEpochs: Self.epochs(of: configuration), isFinished: standing == .trained,
            descent: (configuration.learningRate, Double(momentum), Double(decay)),
            mirrorAxes: model.mirrorAxes.map { $0 - shift })
    }

    /// The losses, learning rates and Dice of whole epochs, from the run's tables.
    private func epochs(_ count: Int, of length: Int) throws -> [NNUNetTrained.Epoch] {
        let steps = try rows("training.csv", ["step", "seconds", "learning_rate", "loss"])
        let dice = try Dictionary(
            rows("validation.csv", ["step", "dice"]).map { (Int($0[0] ?? 0), $0[1]) }
        ) { $1 }
        let classes = Dictionary(
            grouping: try rows("validation_classes.csv", ["step", "class", "dice"]), by: { Int($0[0] ?? 0) })
        return (0..<count).map { epoch in
            let last = (epoch + 1) * length
            let own = steps.filter { ($0[0] ?? 0) > Double(epoch * length) && ($0[0] ?? 0) <= Double(last) }
            let mean = dice[last].flatMap(\.self)
            let before = steps.last { $0[0] == Double(epoch * length) }?[1] ?? 0
            return NNUNetTrained.Epoch(
                loss: own.compactMap { $0[3] }.reduce(0, +) / Double(max(own.count, 1)),
                learningRate: own.last?[2] ?? configuration.learningRate, dice: mean,
                classes: classes[last]?.map { $0[2] } ?? [mean], seconds: before...max(before, own.last?[1] ?? before))
        }
    }

    /// The requested columns of a table, nil for an empty cell; no rows if the table does not exist.
    private func rows(_ name: String, _ columns: [String]) throws -> [[Double?]] {
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { return [] }
        let rows = CSVRow.rows(of: String(decoding: data, as: UTF8.self)).map(\.cells)
        let places = try columns.map { column in
            guard let place = rows.first?.firstIndex(of: column) else {
                throw DataError(.badData, "\(folder)/\(name)", "has no column '\(column)'")
            }
            return place
        }
        return rows.dropFirst().map { cells in places.map { $0 < cells.count ? Double(cells[$0]) : nil } }
    }
}
