internal import Foundation
internal import SegCore
internal import SegData
internal import SegWeights

/// A results folder of nnU-Net v2 to which a training run by plans is exported as one fold. nnU-Net can load the fold,
/// predict with it and continue its training.
///
/// The model folder is `RESULTS/DATASET/TRAINER__PLANS__CONFIGURATION/`, with `plans.json`, `dataset.json` and
/// `fold_N/checkpoint_final.pth`. A training run that has not ended becomes `checkpoint_latest.pth`, from which
/// `nnUNetv2_train --c` continues.
public struct NNUNetExport {
    private let origin: NNUNetOrigin
    private let plan: NNUNetPlan
    private let document: ConfigValue
    private let datasetName: String
    private let plansName: String

    /// The numbers of epochs, besides 1000, for which nnU-Net has a trainer.
    private static let lengths = [1, 5, 10, 20, 50, 100, 250, 500, 750, 2000, 4000, 8000]

    /// Reads the plans of a training run.
    /// - Throws: `DataError` naming the file or the entry that is missing or wrong.
    public init(_ origin: NNUNetOrigin) throws {
        self.origin = origin
        plan = try NNUNetPlan(file: origin.plans, configuration: origin.configuration)
        document = try ConfigValue(jsonFile: origin.plans)
        let reader = try ConfigReader(document, path: "", source: origin.plans)
        datasetName = try reader.required("dataset_name", reader.string("dataset_name"))
        plansName = try reader.required("plans_name", reader.string("plans_name"))
        for (key, name) in [("dataset_name", datasetName), ("plans_name", plansName)]
        where name.contains("/") || name.isEmpty || name.hasPrefix(".") {
            throw reader.error(key, "should be the name of a folder, not '\(name)'")
        }
        let arguments = try plan.entries.object("architecture")?.object("arch_kwargs")
        if let arguments, arguments.value("dropout_op") != nil {
            throw arguments.error("dropout_op", "should be null for an export, as nnU-Net plans it")
        }
    }

    /// The name of nnU-Net's trainer for a number of epochs: `nnUNetTrainer`, or one with the number in its name.
    /// - Throws: `DataError` if nnU-Net has no trainer of that length.
    static func trainer(epochs: Int) throws -> String {
        if epochs == 1000 { return "nnUNetTrainer" }
        guard lengths.contains(epochs) else {
            let known = (lengths + [1000]).sorted().map(String.init).joined(separator: ", ")
            throw DataError(
                .badArgument, "iterations",
                "are \(epochs) epochs of 250 steps, for which nnU-Net has no trainer; it has trainers of \(known) epochs"
            )
        }
        return "nnUNetTrainer_\(epochs)epoch\(epochs == 1 ? "" : "s")"
    }

    /// The model folder of a training run with a number of epochs.
    /// - Throws: `DataError` if nnU-Net has no trainer of that length.
    public func modelFolder(in results: String, epochs: Int) throws -> String {
        "\(results)/\(datasetName)/\(try Self.trainer(epochs: epochs))__\(plansName)__\(origin.configuration)"
    }

    private var files: [(name: String, source: String)] {
        [("plans.json", origin.plans), ("dataset.json", origin.dataset)]
    }

    /// Checks that a fold can be written without overwriting another run's fold.
    /// - Parameters:
    ///   - results: The folder that nnU-Net knows as `nnUNet_results`.
    ///   - epochs: The number of epochs of the whole training run.
    ///   - known: The SHA-256 digests of the run's own checkpoints.
    /// - Returns: The fold's folder.
    /// - Throws: `DataError` if the folder holds a model of other plans, or if the fold holds another run's checkpoint.
    @discardableResult
    package func checkTarget(in results: String, epochs: Int, known: [String]) throws -> String {
        let folder = try modelFolder(in: results, epochs: epochs)
        for (name, source) in files {
            let other = FileManager.default.contents(atPath: "\(folder)/\(name)")
            guard try other.map({ try $0 == RegularFile.contents(of: source) }) ?? true else {
                throw DataError(
                    .cannotWrite, "\(folder)/\(name)", "is of other plans; give another folder, or remove this file")
            }
        }
        let fold = "\(folder)/fold_\(origin.fold)"
        for kind in ["final", "latest", "best"] {
            let file = "\(fold)/checkpoint_\(kind).pth"
            guard FileManager.default.fileExists(atPath: file) else { continue }
            guard known.contains(try ContentDigest.of(file: file, .sha256)) else {
                throw DataError(
                    .cannotWrite, file, "was not written by this run; give another folder, or move the fold away")
            }
        }
        return fold
    }

    /// Writes a fold.
    /// - Parameters:
    ///   - results: The folder that nnU-Net knows as `nnUNet_results`.
    ///   - run: The run folder, which records the digest of the written file and may later overwrite it; nil for none.
    /// - Returns: The fold's folder.
    /// - Throws: The errors of `checkTarget`; `DataError` if a file cannot be written.
    @discardableResult
    public func write(_ trained: NNUNetTrained, to results: String, run: String? = nil) throws -> String {
        let known = try run.map { try NNUNetOrigin.exported(ofRun: $0) } ?? []
        let fold = try checkTarget(in: results, epochs: trained.plannedEpochs, known: known)
        let folder = try modelFolder(in: results, epochs: trained.plannedEpochs)
        try DurableFile.makeFolder(fold)
        for (name, source) in files {
            try DurableFile.write(Array(RegularFile.contents(of: source)), to: "\(folder)/\(name)")
        }
        let (value, tensors) = try checkpoint(trained)
        let file = "\(fold)/checkpoint_\(trained.isFinished ? "final" : "latest").pth"
        try Weights.write(checkpoint: value, tensors, to: file)
        if let run { try NNUNetOrigin.add(exported: ContentDigest.of(file: file, .sha256), toRun: run) }
        // `checkpoint_latest.pth` is of an earlier step, and nnU-Net would continue from it.
        if trained.isFinished { try? FileManager.default.removeItem(atPath: "\(fold)/checkpoint_latest.pth") }
        return fold
    }

    /// The dictionary that `nnUNetTrainer.save_checkpoint` saves, and its tensors.
    func checkpoint(_ trained: NNUNetTrained) throws -> (value: CheckpointValue, tensors: [StoredTensor]) {
        let isFlat = try plan.isTwoDimensional
        var tensors: [StoredTensor] = []
        func add(_ tensor: StoredTensor) -> CheckpointValue {
            tensors.append(isFlat ? Self.slice(tensor) : tensor)
            return .tensor(tensors.count - 1)
        }
        let weights = trained.parameters.map { (name: $0.name, value: add($0.values)) }
        let state = Self.aliased(weights)
        // A momentum buffer of zeros is left out, because SGD without a buffer begins with zeros. The head that the loss does
        // not use has a buffer of zeros.
        let momenta = trained.parameters.enumerated().compactMap { number, parameter in
            parameter.momentum.flatMap { momentum in
                momentum.bytes.allSatisfy { $0 == 0 }
                    ? nil
                    : (
                        key: CheckpointValue.int(number),
                        value: CheckpointValue.named([("momentum_buffer", add(momentum))])
                    )
            }
        }
        let axes = CheckpointValue.tuple(trained.mirrorAxes.map { .int($0) })
        let value = CheckpointValue.named([
            ("network_weights", .ordered(state)),
            (
                "optimizer_state",
                .named([
                    ("state", .dictionary(momenta)),
                    ("param_groups", .list([group(trained)])),
                ])
            ),
            ("grad_scaler_state", .none),
            ("logging", Self.logging(trained)),
            ("_best_ema", trained.smoothed.compactMap(\.self).max().map { .double($0) } ?? .none),
            ("current_epoch", .int(trained.epochs.count)),
            ("init_args", try arguments()),
            ("trainer_name", .text(try Self.trainer(epochs: trained.plannedEpochs))),
            ("inference_allowed_mirroring_axes", trained.mirrorAxes.isEmpty ? .none : axes),
        ])
        return (value, tensors)
    }

    /// Turns a 3-D kernel that was made from a 2-D kernel back into the 2-D kernel.
    private static func slice(_ tensor: StoredTensor) -> StoredTensor {
        guard tensor.shape.count == 5 else { return tensor }
        return tensor.reshaped(Array(tensor.shape[..<2]) + tensor.shape[3...])
    }

    /// The arrays under all their names in PyTorch: blocks list their layers a second time, and the decoder contains the
    /// encoder.
    private static func aliased(
        _ weights: [(name: String, value: CheckpointValue)]
    ) -> [(key: String, value: CheckpointValue)] {
        func names(_ name: String) -> [String] {
            let layers = [(".conv.", ".all_modules.0."), (".norm.", ".all_modules.1.")]
            return [name]
                + layers.filter { name.contains($0.0) }.map { name.replacingOccurrences(of: $0.0, with: $0.1) }
        }
        let own = weights.flatMap { weight in names(weight.name).map { (key: $0, value: weight.value) } }
        return own + own.filter { $0.key.hasPrefix("encoder.") }.map { ("decoder." + $0.key, $0.value) }
    }

    /// The one parameter group of `torch.optim.SGD`.
    private func group(_ trained: NNUNetTrained) -> CheckpointValue {
        let rate = trained.epochs.last?.learningRate ?? trained.descent.rate
        return .named([
            ("lr", .double(rate)), ("momentum", .double(trained.descent.momentum)), ("dampening", .int(0)),
            ("weight_decay", .double(trained.descent.weightDecay)), ("nesterov", .bool(true)),
            ("maximize", .bool(false)), ("foreach", .none), ("differentiable", .bool(false)), ("fused", .none),
            ("initial_lr", .double(trained.descent.rate)),
            ("params", .list(trained.parameters.indices.map { .int($0) })),
        ])
    }

    private static func logging(_ trained: NNUNetTrained) -> CheckpointValue {
        let epochs = trained.epochs
        func list(_ values: [Double?]) -> CheckpointValue { .list(values.map { .double($0 ?? .nan) }) }
        return .named([
            ("mean_fg_dice", list(epochs.map(\.dice))), ("ema_fg_dice", list(trained.smoothed)),
            ("dice_per_class_or_region", .list(epochs.map { list($0.classes) })),
            // nnU-Net's loss has minus the Dice, and the loss here has 1 minus the Dice.
            ("train_losses", list(epochs.map { $0.loss - 1 })),
            // The loss of validation patches is not measured here.
            ("val_losses", list(epochs.map { _ in nil })),
            ("lrs", list(epochs.map(\.learningRate))),
            ("epoch_start_timestamps", list(epochs.map(\.seconds.lowerBound))),
            ("epoch_end_timestamps", list(epochs.map(\.seconds.upperBound))),
        ])
    }

    /// The arguments of nnU-Net's trainer.
    private func arguments() throws -> CheckpointValue {
        let dataset = try ConfigValue(jsonFile: origin.dataset)
        let labels = try ConfigValue.keys(ofObject: "labels", inJSONFile: origin.dataset)
        return .named([
            ("plans", CheckpointValue(document, orders: [:])),
            ("configuration", .text(origin.configuration)),
            ("fold", Int(origin.fold).map { .int($0) } ?? .text(origin.fold)),
            // Regions are identified by the order in which they are written.
            ("dataset_json", CheckpointValue(dataset, orders: ["labels": labels])),
            ("device", .device("cpu")),
        ])
    }
}

extension NNUNetTrained {
    /// The moving average of the pseudo Dice after each epoch; nnU-Net chooses its best model by it.
    var smoothed: [Double?] {
        var average: Double?
        return epochs.map { epoch in
            guard let dice = epoch.dice else { return average }
            average = average.map { 0.9 * $0 + 0.1 * dice } ?? dice
            return average
        }
    }
}

extension CheckpointValue {
    /// Converts a document; the members of an object have a given order if there is one, and are sorted otherwise.
    fileprivate init(_ value: ConfigValue, orders: [String: [String]]) {
        switch value {
        case .null: self = .none
        case .bool(let truth): self = .bool(truth)
        case .int(let number): self = .int(number)
        case .double(let number): self = .double(number)
        case .string(let text): self = .text(text)
        case .array(let items): self = .list(items.map { CheckpointValue($0, orders: [:]) })
        case .object(let members): self = Self.members(members, order: nil, orders)
        }
    }

    private static func members(
        _ members: [String: ConfigValue], order: [String]?, _ orders: [String: [String]]
    ) -> CheckpointValue {
        named(
            (order ?? members.keys.sorted()).compactMap { key in
                members[key].map { value in
                    if case .object(let inner) = value, let order = orders[key] {
                        return (key, Self.members(inner, order: order, [:]))
                    }
                    return (key, CheckpointValue(value, orders: [:]))
                }
            })
    }
}
