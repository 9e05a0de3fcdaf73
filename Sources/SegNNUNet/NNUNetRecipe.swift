internal import Foundation
public import SegCore
internal import SegData
internal import SegInference

/// nnU-Net's training of one configuration of its plans (`nnUNetTrainer`), as entries of a training configuration.
///
/// SGD with Nesterov momentum 0.99, a learning rate of 0.01 that falls from epoch to epoch, gradients clipped to the norm 12,
/// Dice plus cross entropy over all heads but the coarsest, and a third of each batch centred on the foreground.
public struct NNUNetRecipe {
    private let plans: String
    private let plan: NNUNetPlan
    private let description: ModelDescription
    private let dataset: NNUNetDataset

    /// The number of steps in an epoch of nnU-Net.
    public static let epoch = 250
    /// The number of epochs that nnU-Net trains.
    private static let epochs = 1000

    /// Reads a configuration of plans.
    /// - Parameters:
    ///   - plans: `plans.json`, or the file of nnU-Net's preprocessed folder.
    ///   - configuration: The name of the configuration, such as `3d_fullres`.
    ///   - dataset: The `dataset.json` of the plans.
    /// - Throws: `DataError` that lists everything that is invalid or not supported.
    public init(plans: String, configuration: String, dataset: String) throws {
        self.plans = plans
        self.dataset = try NNUNetDataset(file: dataset)
        plan = try NNUNetPlan(file: plans, configuration: configuration)
        guard try plan.previousStage == nil else {
            throw plan.entries.error(
                "previous_stage", "the second stage of a cascade cannot be trained here; 3d_fullres and 3d_lowres can")
        }
        let mirrored = try plan.isTwoDimensional ? [0, 1] : [0, 1, 2]
        let training = NNUNetTraining(trainer: "nnUNetTrainer", configuration: configuration, mirrorAxes: mirrored)
        let folder = (dataset as NSString).deletingLastPathComponent
        description = try NNUNetReader(plans: plans, dataset: self.dataset, in: folder, training).description()
    }

    /// Checks that a dataset has the channels and labels that the plans were made for.
    /// - Throws: `DataError` naming what differs.
    public func checkMatches(_ raw: NNUNetRawDataset) throws {
        let other = raw.training.dataset
        guard other.channels == dataset.channels, other.labels == dataset.labels, other.ignored == dataset.ignored
        else {
            throw DataError(
                .badData, raw.training.file,
                "has other channels or labels than the dataset.json beside \(plans); plan this dataset, or give "
                    + "the dataset of these plans"
            )
        }
    }

    /// The training configuration.
    /// - Parameters:
    ///   - data: The raw dataset's folder.
    ///   - validation: The names of the validation cases.
    /// - Throws: `DataError` naming the entry of the plans that is missing or wrong.
    public func document(data: String, validation: [String]) throws -> ConfigValue {
        guard case .object(var entries) = description.value,
            case .object(var network)? = entries["network_def"]
        else { throw DataError(.badData, plans, "cannot be understood") }
        network["deep_supervision"] = true
        entries["network_def"] = .object(network)
        if dataset.hasRegions {
            // In training each region is a channel of its own; regions are painted into a mask only in prediction.
            (entries["labels"], entries["postprocessing"]) = (nil, nil)
            entries["regions"] = .array(
                dataset.labels.map { .object([$0.name: .array($0.numbers.map { .int($0) })]) })
        }
        let batch = try plan.entries.required("batch_size", plan.entries.int("batch_size"))
        guard batch > 0 else { throw plan.entries.error("batch_size", "should be positive, not \(batch)") }
        let isBatchDice = try plan.entries.required("batch_dice", plan.entries.bool("batch_dice"))
        // Patches of the validation cases decide which network is the best.
        if !validation.isEmpty { entries["pseudo_dice"] = ["batches": 50, "smoothing": 0.9] }
        return .object(
            entries.merging([
                "data": .string(data), "validation": .array(validation.map { .string($0) }),
                "sampling": [
                    "foreground_oversampling": 0.33, "samples_per_volume": 1, "volumes_per_batch": .int(batch),
                    "pad": true,
                ],
                "augmentation": try augmentation(),
                "loss": loss(isBatchDice: isBatchDice),
                "optimizer": [
                    "name": "sgd", "learning_rate": 0.01, "momentum": 0.99, "nesterov": true, "weight_decay": 3e-5,
                    "clip_norm": 12,
                ],
                "schedule": ["name": "polynomial", "power": 0.9, "interval": .int(Self.epoch)],
                "iterations": .int(Self.epoch * Self.epochs), "validate_every": .int(Self.epoch),
                "checkpoint_every": .int(Self.epoch),
            ]) { $1 })
    }

    private func loss(isBatchDice: Bool) -> ConfigValue {
        [
            "name": "dice_ce", "softmax": .bool(!dataset.hasRegions), "sigmoid": .bool(dataset.hasRegions),
            "include_background": .bool(dataset.hasRegions), "batch": .bool(isBatchDice), "coarsest_head": false,
        ]
    }

    /// nnU-Net's augmentation; flat patches are rotated only within their slices.
    private func augmentation() throws -> ConfigValue {
        let patch = try plan.patch
        let rotation: ConfigValue
        if try plan.isTwoDimensional {
            let isLong = Double(patch.max() ?? 1) / Double(patch.min() ?? 1) > 1.5
            rotation = [isLong ? 15 : 180, 0, 0]
        } else {
            rotation = Double(patch.max() ?? 1) / Double(patch[0]) > 3 ? [180, 0, 0] : [30, 30, 30]
        }
        return Augmentation.nnUNet(rotation: rotation, flip: try plan.isTwoDimensional ? [1, 2] : [0, 1, 2])
    }
}
