public import SegBackend
public import SegData
internal import SegImaging
public import SegInference
public import SegModels
public import SegNN

/// Everything that decides a training: what `medseg train CONFIG.yaml` reads.
public struct TrainingConfiguration: Sendable {
    /// Which cases are set aside for validation.
    public enum Validation: Hashable, Sendable {
        /// A share of them, chosen by the seed.
        case share(Double)
        /// These.
        case names([String])
    }

    /// The document this was read from.
    public let document: ConfigValue
    /// The dataset: a folder or its `dataset.json`.
    public var data: String
    /// Which cases are set aside.
    public var validation: Validation
    /// Decides initial weights, the split, patches, augmentation and dropout.
    public var seed: UInt32
    /// Network, preprocessing and windows, as the trained model will carry them.
    public var model: ModelDescription
    /// How patches are drawn.
    public var sampling: PatchSampling
    /// How patches are varied.
    public var augmentation: Augmentation
    /// What is minimised.
    public var loss: DiceCEParams
    /// What minimises it.
    public var optimizer: OptimizerKind
    /// The first learning rate.
    public var learningRate: Double
    /// How it falls.
    public var schedule: LearningRateSchedule
    /// Optimiser steps.
    public var iterations: Int
    /// Stops earlier when this many minutes have passed; the schedule then ends with the time.
    public var minutes: Double?
    /// Iterations between validations.
    public var validateEvery: Int
    /// Where the run is logged.
    public var tracking: TrackingOptions

    /// Reads a configuration.
    /// - Throws: `ConfigError` naming the key that is missing, unknown (with the nearest known one) or wrong.
    public init(_ value: ConfigValue, source: String) throws {
        let reader = try ConfigReader(value, path: "", source: source)
        document = value
        data = try reader.required("data", reader.string("data"))
        validation = try Self.validation(reader)
        guard let seed = UInt32(exactly: try reader.int("seed") ?? 0) else {
            throw reader.error("seed", "should be a whole number from 0 to \(UInt32.max)")
        }
        self.seed = seed
        model = try ModelDescription.entries(of: reader)
        sampling = try PatchSampling(reader.object("sampling"), roi: model.roiSize)
        augmentation = try Augmentation(reader.object("augmentation"))
        loss = try DiceCEParams(reader.object("loss"))
        try Self.check(loss, channels: model.outputChannels, reader)
        (optimizer, learningRate) = try Self.optimizer(reader.required("optimizer", reader.object("optimizer")))
        schedule = try LearningRateSchedule(reader.object("schedule"))
        iterations = try reader.required("iterations", reader.int("iterations"))
        guard iterations > 0 else { throw reader.error("iterations", "should be positive, not \(iterations)") }
        minutes = try reader.double("minutes")
        if let minutes, !(minutes > 0) { throw reader.error("minutes", "should be positive, not \(minutes)") }
        validateEvery = try reader.int("validate_every") ?? max(1, iterations / 10)
        guard validateEvery > 0 else {
            throw reader.error("validate_every", "should be positive, not \(validateEvery)")
        }
        tracking = try TrackingOptions(reader.object("tracking"))
        try reader.finish()
    }

    private static func check(_ loss: DiceCEParams, channels: Int, _ reader: ConfigReader) throws {
        if channels == 1 {
            guard loss.probabilities != .softmax else {
                throw reader.error(
                    "loss",
                    "softmax of the single channel of network_def.out_channels 1 is always 1; set loss.sigmoid: true")
            }
            guard loss.includeBackground else {
                throw reader.error(
                    "loss.include_background",
                    "network_def.out_channels 1 has no channel of the background to leave out")
            }
        }
        guard loss.classWeights.isEmpty || loss.classWeights.count == channels else {
            throw reader.error(
                "loss.weight",
                "should be \(channels) numbers, one for each of network_def.out_channels, not \(loss.classWeights.count)"
            )
        }
    }

    private static func validation(_ reader: ConfigReader) throws -> Validation {
        guard let value = reader.value("validation") else { return .share(0.2) }
        if let share = value.number {
            guard share >= 0, share < 1 else {
                throw reader.error("validation", "as a share should be at least 0 and below 1, not \(share)")
            }
            return .share(share)
        }
        guard case .array(let items) = value else {
            throw reader.error("validation", "should be a share such as 0.2 or a list of case names, not \(value)")
        }
        return .names(
            try items.map {
                guard case .string(let name) = $0 else {
                    throw reader.error("validation", "should list case names, not \($0)")
                }
                return name
            })
    }

    private static func optimizer(_ reader: ConfigReader) throws -> (OptimizerKind, Double) {
        let name = try reader.string("name") ?? "adam"
        let rate = try reader.required("learning_rate", reader.double("learning_rate"))
        guard rate > 0 else { throw reader.error("learning_rate", "should be positive, not \(rate)") }
        let decay = Float(try reader.double("weight_decay") ?? 0)
        let kind: OptimizerKind
        switch name {
        case "adam", "adamw":
            let betas = try reader.doubles("betas") ?? [0.9, 0.999]
            guard betas.count == 2, betas.allSatisfy({ $0 >= 0 && $0 < 1 }) else {
                throw reader.error("betas", "should be two numbers of at least 0 and below 1, not \(betas)")
            }
            kind = .adam(
                beta1: Float(betas[0]), beta2: Float(betas[1]), epsilon: Float(try reader.double("eps") ?? 1e-8),
                weightDecay: decay, decoupled: name == "adamw")
        case "sgd":
            kind = .sgd(
                momentum: Float(try reader.double("momentum") ?? 0),
                dampening: Float(try reader.double("dampening") ?? 0),
                nesterov: try reader.bool("nesterov") ?? false, weightDecay: decay)
        default: throw reader.error("name", "'\(name)' is not an optimiser; known: adam, adamw, sgd")
        }
        try reader.finish()
        return (kind, rate)
    }
}

extension LearningRateSchedule {
    /// Reads the object `schedule`; absent means constant.
    /// - Throws: `ConfigError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader?) throws {
        guard let reader else {
            self = .constant
            return
        }
        let name = try reader.string("name") ?? "constant"
        switch name {
        case "constant": self = .constant
        case "polynomial": self = .polynomial(power: try reader.double("power") ?? 0.9)
        case "cosine": self = .cosine
        case "step":
            let size = try reader.required("size", reader.int("size"))
            guard size > 0 else { throw reader.error("size", "should be positive, not \(size)") }
            self = .step(size: size, gamma: try reader.double("gamma") ?? 0.1)
        default: throw reader.error("name", "'\(name)' is not a schedule; known: constant, polynomial, cosine, step")
        }
        try reader.finish()
    }
}

extension DiceCEParams {
    /// Reads the object `loss`, with the names of MONAI's arguments; absent means Dice over softmax.
    /// - Throws: `ConfigError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader?) throws {
        self.init()
        guard let reader else { return }
        let name = try reader.string("name") ?? "dice"
        guard ["dice", "dice_ce"].contains(name) else {
            throw reader.error("name", "'\(name)' is not a loss; known: dice, dice_ce")
        }
        if try reader.bool("sigmoid") == true {
            guard try reader.bool("softmax") != true else { throw reader.error("sigmoid", "excludes softmax") }
            probabilities = .sigmoid
        } else if try reader.bool("softmax") == false {
            probabilities = .identity
        }
        includeBackground = try reader.bool("include_background") ?? true
        squaredPred = try reader.bool("squared_pred") ?? false
        jaccard = try reader.bool("jaccard") ?? false
        batch = try reader.bool("batch") ?? false
        smoothNr = Float(try reader.double("smooth_nr") ?? 1e-5)
        smoothDr = Float(try reader.double("smooth_dr") ?? 1e-5)
        classWeights = try reader.doubles("weight")?.map { Float($0) } ?? []
        if name == "dice_ce" {
            lambdaDice = Float(try reader.double("lambda_dice") ?? 1)
            lambdaCE = Float(try reader.double("lambda_ce") ?? 1)
        }
        switch try reader.string("reduction") ?? "mean" {
        case "mean": reduction = .mean
        case "sum": reduction = .sum
        case let other: throw reader.error("reduction", "should be mean or sum, not '\(other)'")
        }
        try reader.finish()
    }
}

extension PatchSampling {
    /// Reads the object `sampling`; absent means one positive and one negative patch of one volume.
    /// - Throws: `ConfigError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader?, roi: Triple) throws {
        self.init(size: Size3(roi.d, roi.h, roi.w))
        guard let reader else { return }
        positive = try reader.double("pos") ?? 1
        negative = try reader.double("neg") ?? 1
        guard positive >= 0, negative >= 0, positive + negative > 0 else {
            throw reader.error(
                "pos", "\(positive) and neg \(negative) should be at least 0 and not both 0")
        }
        samplesPerVolume = try reader.int("samples_per_volume") ?? 2
        volumesPerBatch = try reader.int("volumes_per_batch") ?? 1
        for (key, count) in [("samples_per_volume", samplesPerVolume), ("volumes_per_batch", volumesPerBatch)]
        where !(1...1024).contains(count) {
            throw reader.error(key, "should be from 1 to 1024, not \(count)")
        }
        imageThreshold = Float(try reader.double("image_threshold") ?? 0)
        pad = try reader.bool("pad") ?? false
        try reader.finish()
    }
}

extension Augmentation {
    /// Reads the object `augmentation`; absent means none.
    /// - Throws: `ConfigError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader?) throws {
        self.init()
        guard let reader else { return }
        func probability(_ reader: ConfigReader) throws -> Double {
            let probability = try reader.double("prob") ?? 0.1
            guard probability >= 0, probability <= 1 else {
                throw reader.error("prob", "should be from 0 to 1, not \(probability)")
            }
            return probability
        }
        func extent(_ reader: ConfigReader, _ key: String) throws -> Double {
            let extent = try reader.double(key) ?? 0.1
            guard extent >= 0, extent.isFinite else { throw reader.error(key, "should not be negative, not \(extent)") }
            return extent
        }
        if let flip = try reader.object("flip") {
            flipProbability = try probability(flip)
            flipAxes = try flip.ints("axes") ?? [0, 1, 2]
            guard flipAxes.allSatisfy((0...2).contains) else { throw flip.error("axes", "should be among 0, 1, 2") }
            try flip.finish()
        }
        if let rotate = try reader.object("rotate90") {
            rotateProbability = try probability(rotate)
            try rotate.finish()
        }
        if let scale = try reader.object("scale_intensity") {
            scaleProbability = try probability(scale)
            scaleFactors = try extent(scale, "factors")
            try scale.finish()
        }
        if let shift = try reader.object("shift_intensity") {
            shiftProbability = try probability(shift)
            shiftOffsets = try extent(shift, "offsets")
            try shift.finish()
        }
        try reader.finish()
    }
}
