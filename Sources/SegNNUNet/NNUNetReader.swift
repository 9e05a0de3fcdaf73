internal import SegCore
internal import SegImaging
internal import SegInference
internal import SegModels
internal import SegWeights

/// Reads a model folder part by part and collects the errors of all parts.
struct NNUNetReader {
    private let folder: String
    private let checkpoint: String
    private let choice: NNUNetFolder.Choice
    private let training: NNUNetTraining
    private let dataset: NNUNetDataset
    private let plan: NNUNetPlan
    /// The configuration whose masks the model refines; nil for none.
    let previousStage: String?

    /// Creates a reader from a folder and the checkpoint of the first fold, which holds the settings of the training.
    /// - Throws: `DataError` naming the file that is missing or not valid.
    init(folder: String, checkpoint: String, _ choice: NNUNetFolder.Choice) throws {
        (self.folder, self.checkpoint, self.choice) = (folder, checkpoint, choice)
        training = try NNUNetTraining(checkpoint: checkpoint)
        dataset = try NNUNetDataset(file: "\(folder)/dataset.json")
        plan = try NNUNetPlan(file: "\(folder)/plans.json", configuration: training.configuration)
        previousStage = try plan.previousStage
    }

    /// Creates a reader from plans for a new training run.
    /// - Throws: `DataError` naming the file that is missing or not valid.
    init(plans: String, dataset: NNUNetDataset, in folder: String, _ training: NNUNetTraining) throws {
        (self.folder, checkpoint, choice) = (folder, plans, NNUNetFolder.Choice())
        (self.training, self.dataset) = (training, dataset)
        plan = try NNUNetPlan(file: plans, configuration: training.configuration)
        previousStage = try plan.previousStage
    }

    /// The model's description.
    /// - Throws: `DataError` that lists everything that is invalid or not supported.
    func description() throws -> ModelDescription {
        let faults = FaultList(source: plan.source, key: nil)
        let channels = dataset.channels.count
        let previousClasses = previousStage == nil ? 0 : dataset.labels.count
        if previousStage != nil {
            faults.part { try plan.checkLabelResampling() }
        }
        if previousStage != nil, dataset.hasRegions {
            faults.part {
                throw plan.entries.error("previous_stage", "is not supported with regions that overlap")
            }
        }
        let network = faults.part {
            let network = try plan.network(
                inputs: channels + previousClasses, outputs: dataset.labels.count + (dataset.hasRegions ? 0 : 1),
                trainer: training.trainer)
            _ = try network.outline()
            return network
        }
        let steps = faults.part { try plan.steps(channels: channels) }
        let patch = faults.part { try plan.patch }
        try faults.finish()
        guard let network, let steps, let patch else {
            throw DataError(.badData, plan.source, "cannot be understood")
        }
        let isFlat = patch.count == 2
        if let axis = training.mirrorAxes.first(where: { $0 >= patch.count }) {
            throw DataError(
                .badData, checkpoint, key: "inference_allowed_mirroring_axes",
                "contains axis \(axis), but the network's input has \(patch.count) axes")
        }
        let overlap = 1 - choice.step
        var description = ModelDescription(
            network: network, preprocessing: Preprocessing(steps), roiSize: Triple((isFlat ? [1] : []) + patch),
            overlap: WindowOverlap(isFlat ? 0 : overlap, overlap, overlap), mode: .nnUNet, labels: labels(of: dataset))
        description.previousClasses = previousClasses
        description.maskPlan = try maskPlan(of: dataset)
        if choice.mirrors {
            // A 2-D network's axes are counted without the first axis of the volume.
            description.mirrorAxes = training.mirrorAxes.map { isFlat ? $0 + 1 : $0 }
        }
        try description.check()
        return description
    }

    private func labels(of dataset: NNUNetDataset) -> [Int: String] {
        let numbers = dataset.hasRegions ? dataset.regionOrder : Array(1...dataset.labels.count)
        let names = dataset.labels.enumerated().map { place, label in
            // If later regions are painted over a region, the mask holds only the rest of that region.
            let later = dataset.labels[(place + 1)...].filter { !Set($0.numbers).isDisjoint(with: label.numbers) }
            guard dataset.hasRegions, !later.isEmpty else { return label.name }
            return "\(label.name) without \(later.map(\.name).joined(separator: ", "))"
        }
        return Dictionary(zip(numbers, names)) { _, last in last }
    }

    private func maskPlan(of dataset: NNUNetDataset) throws -> MaskPlan {
        var plan = MaskPlan()
        plan.restoration = .logits
        let numbers = Set(dataset.labels.flatMap(\.numbers) + dataset.regionOrder)
        plan.after = try choice.postprocessing.map { try NNUNetPostprocessing(file: $0, labels: numbers).steps } ?? []
        guard dataset.hasRegions else { return plan }
        plan.probabilities = .sigmoid
        plan.painting = try dataset.regionOrder.enumerated().map { channel, number in
            guard let label = UInt8(exactly: number), label > 0, label < UInt8.max else {
                throw DataError(
                    .badData, "\(folder)/dataset.json", key: "regions_class_order",
                    "should hold numbers from 1 to 254, not \(number)")
            }
            return MaskPlan.Paint(channel: channel, label: label)
        }
        return plan
    }
}

/// The settings of the training in a checkpoint.
struct NNUNetTraining {
    /// The trainer's class.
    let trainer: String
    /// The configuration of the plans.
    let configuration: String
    /// The axes along which the network's input may be flipped.
    let mirrorAxes: [Int]

    /// Creates the settings of a new training run.
    init(trainer: String, configuration: String, mirrorAxes: [Int]) {
        (self.trainer, self.configuration, self.mirrorAxes) = (trainer, configuration, mirrorAxes)
    }

    /// Reads a checkpoint's entries other than the weights.
    /// - Throws: `DataError` naming the entry that is missing or wrong.
    init(checkpoint file: String) throws {
        let keys = ["trainer_name", "init_args", "inference_allowed_mirroring_axes"]
        let reader = try ConfigReader(.object(Weights.configurations(keys, in: file)), path: "", source: file)
        trainer = try reader.required("trainer_name", reader.string("trainer_name"))
        let arguments = try reader.required("init_args", reader.object("init_args"))
        configuration = try arguments.required("configuration", arguments.string("configuration"))
        mirrorAxes = try reader.ints("inference_allowed_mirroring_axes") ?? []
        guard Set(mirrorAxes).isSubset(of: [0, 1, 2]), Set(mirrorAxes).count == mirrorAxes.count else {
            throw reader.error(
                "inference_allowed_mirroring_axes", "should be some of 0, 1 and 2, not \(mirrorAxes)")
        }
    }
}
