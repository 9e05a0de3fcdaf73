internal import Foundation
public import SegBackend
internal import SegCore
internal import SegInference
internal import SegModels
internal import SegNN
internal import SegNNUNet
internal import SegTrain

extension FoldRun {
    /// Writes the training as a fold of a results folder of nnU-Net v2, from its last checkpoint.
    /// - Parameters:
    ///   - results: The folder that nnU-Net knows as `nnUNet_results`.
    ///   - backend: What holds the network meanwhile.
    /// - Returns: The fold's folder.
    /// - Throws: `DataError` where the run is of no plans or of changed ones, or a file cannot be read or written.
    public func export(to results: String, on backend: any Backend) throws -> String {
        guard let origin else {
            throw DataError(
                .badArgument, folder,
                "is of no plans of nnU-Net, whose folders it cannot be written as; train with --nnunet-plan")
        }
        try checkIsPlanned(origin)
        return try NNUNetExport(origin).write(trained(on: backend), to: results)
    }

    /// Insists that the run is what the plans say, since nnU-Net goes by the plans.
    private func checkIsPlanned(_ origin: NNUNetOrigin) throws {
        let recipe = try NNUNetRecipe(
            plans: origin.plans, configuration: origin.configuration, dataset: origin.dataset)
        let planned = try TrainingConfiguration(
            recipe.document(data: configuration.data, validation: []), source: origin.plans)
        guard case .object(let planned) = planned.resolved, case .object(let own) = configuration.resolved else {
            return
        }
        let keys = ["network_def", "preprocessing", "roi_size", "labels", "regions"]
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
        let model = try ModelFolder.description(of: modelFolder)
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
            plannedEpochs: (configuration.iterations + length - 1) / length, isFinished: standing == .trained,
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
