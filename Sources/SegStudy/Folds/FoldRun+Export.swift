internal import Foundation
public import SegBackend
internal import SegCore
internal import SegInference
internal import SegModels
internal import SegNN
public import SegNNUNet
public import SegTrain

extension FoldRun {
    /// Writes the training as a fold of a results folder of nnU-Net v2, from its last checkpoint.
    /// - Parameters:
    ///   - results: The folder that nnU-Net knows as `nnUNet_results`.
    ///   - backend: What holds the network meanwhile.
    /// - Returns: The fold's folder.
    /// - Throws: `DataError` where the run is of no plans or of changed ones, or a file cannot be read or written.
    public func export(to results: String, on backend: any Backend) throws -> String {
        let exported = Exported(folder: folder, configuration: configuration, origin: origin, isNew: false)
        return try NNUNetExport(Self.plans(of: exported)).write(trained(on: backend), to: results, run: folder)
    }

    /// A training, done or yet to come, that is to be written for nnU-Net.
    public struct Exported {
        let folder: String
        let configuration: TrainingConfiguration
        let origin: NNUNetOrigin?
        let isNew: Bool

        /// - Parameters:
        ///   - folder: The run folder.
        ///   - configuration: What is trained.
        ///   - origin: The plans that it is of; nil for none.
        ///   - isNew: Whether what the folder holds is another run's.
        public init(folder: String, configuration: TrainingConfiguration, origin: NNUNetOrigin?, isNew: Bool) {
            (self.folder, self.configuration, self.origin, self.isNew) = (folder, configuration, origin, isNew)
        }
    }

    /// Sees, before anything is trained, that trainings can be written as folds of a results folder of nnU-Net v2.
    /// - Throws: `DataError` that names everything in the way: no plans, changed ones, a length that nnU-Net does not have,
    ///   another's checkpoint, two runs that would be one fold.
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
                        "and \(other) are one fold of nnU-Net's, \(target); write one of them")
                }
            }
        }
        try faults.finish()
    }

    /// The plans of a training that is what they say.
    private static func plans(of training: Exported) throws -> NNUNetOrigin {
        guard let origin = training.origin else {
            throw DataError(
                .badArgument, training.folder,
                "is of no plans of nnU-Net, whose folders it cannot be written as; train with --nnunet-plan")
        }
        try checkIsPlanned(training.configuration, origin, training.folder)
        return origin
    }

    private static func epochs(of configuration: TrainingConfiguration) -> Int {
        (configuration.iterations + NNUNetRecipe.epoch - 1) / NNUNetRecipe.epoch
    }

    /// Insists that a run is what the plans say, since nnU-Net goes by the plans.
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
                "\(changed.joined(separator: ", ")) \(changed.count == 1 ? "is" : "are") not as the plans say, by which nnU-Net would "
                    + "read the weights; train the plans as they are")
        }
        guard case .sgd(_, 0, true, _) = configuration.optimizer else {
            throw DataError(
                .badArgument, folder,
                "was not trained by SGD with Nesterov's momentum, whose state nnU-Net would go on with")
        }
    }

    /// What the last checkpoint holds, with what the tables say of the epochs.
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
        // Axes of slices are counted without that of the volume.
        let shift = model.roiSize?.d == 1 ? 1 : 0
        return NNUNetTrained(
            parameters: parameters, epochs: try epochs(checkpoint.state.iteration / length, of: length),
            plannedEpochs: Self.epochs(of: configuration), isFinished: standing == .trained,
            descent: (configuration.learningRate, Double(momentum), Double(decay)),
            mirrorAxes: model.mirrorAxes.map { $0 - shift })
    }

    /// Losses, rates and Dice of whole epochs, as the run's tables have them.
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

    /// The wanted columns of a table, nil where a cell is empty; no rows where there is no such table.
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
