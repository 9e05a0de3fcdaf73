internal import SegCore
internal import SegImaging

/// Reads a chain of MONAI's postprocessing transforms into a plan, one transform after the other.
///
/// If the mask would differ from MONAI's, an error names the transform and the argument.
struct MaskPlanReader {
    /// The supported MONAI classes, without their modules and without the `d` of dictionary transforms.
    static var classes: [String] {
        (MaskTransform.forms.map(\.name) + MaskStep.forms.map(\.name))
            .filter { $0 != MaskTransform.nnUNetName && $0 != MaskStep.nnUNetName }
    }

    /// The number of channels of the network's output.
    let channels: Int
    /// Whether the preprocessing resamples, in which case its inverse interpolates values.
    let resamples: Bool
    /// Whether the preprocessing leaves the grid unchanged.
    let keepsGrid: Bool
    private var plan = MaskPlan()
    private var hasProbabilities = false
    private var isDiscrete = false
    private var isInverted = false

    /// Creates a reader for a new chain.
    init(channels: Int, preprocessing: Preprocessing) {
        self.channels = channels
        resamples = preprocessing.resamples
        keepsGrid = preprocessing.keepsGrid
        plan.restoration = .none
    }

    /// Reads the next transform.
    /// - Parameter name: One of `classes`.
    /// - Throws: `DataError` naming the argument that is missing, wrong or not supported.
    mutating func add(_ name: String, _ reader: ConfigReader) throws {
        if let transform = try ComponentForm.read(name, reader, by: MaskTransform.forms) {
            try add(transform, reader)
        } else if let step = try ComponentForm.read(name, reader, by: MaskStep.forms) {
            try add(step, name, reader)
        } else {
            throw reader.error(
                "_target_", "'\(name)' is not supported; supported: \(Self.classes.joined(separator: ", "))")
        }
    }

    /// The plan of the whole chain.
    /// - Throws: `DataError` if the chain makes no classes.
    func finished(_ reader: ConfigReader) throws -> MaskPlan {
        guard isDiscrete else {
            throw reader.error(
                "_target_",
                "the chain never turns the network's output into classes; add a step AsDiscreted with argmax or "
                    + "with a threshold")
        }
        return plan
    }

    private mutating func add(_ transform: MaskTransform, _ reader: ConfigReader) throws {
        switch transform {
        case .activations(let sigmoid, let softmax): try addActivations(sigmoid: sigmoid, softmax: softmax, reader)
        case .invert(let isNearest): try addInvert(isNearest: isNearest, reader)
        case .discrete(let argmax, let threshold): try addDiscrete(argmax: argmax, threshold: threshold, reader)
        case .painting(let painting): try addPainting(painting, reader)
        case .export(let order): try addExport(order, reader)
        }
    }

    /// Adds nnU-Net's one step: logits are resampled, then classes are made or regions painted. A bundle has no such step.
    private mutating func addExport(_ order: [UInt8]?, _ reader: ConfigReader) throws {
        guard !hasProbabilities, !isInverted, !isDiscrete else {
            throw reader.error("_target_", "\(MaskTransform.nnUNetName) should be the first step")
        }
        (hasProbabilities, isInverted, isDiscrete) = (true, true, true)
        plan.restoration = .logits
        guard let order else { return }
        plan.probabilities = .sigmoid
        plan.painting = order.enumerated().map { MaskPlan.Paint(channel: $0, label: $1) }
        guard plan.painting.count == channels else {
            throw reader.error(
                "regions_class_order", "has \(order.count) entries, but the network has \(channels) regions")
        }
    }

    private mutating func addActivations(sigmoid: Bool, softmax: Bool, _ reader: ConfigReader) throws {
        guard sigmoid || softmax else { return }
        guard !sigmoid || !softmax else {
            throw reader.error("softmax", "is true, and so is sigmoid, but MONAI allows only one of them")
        }
        guard channels > 1 || sigmoid else {
            throw reader.error("softmax", "is 1 everywhere for a single channel; use sigmoid")
        }
        guard !hasProbabilities, !isDiscrete, !isInverted else {
            throw reader.error("_target_", "Activations is supported only directly after the network")
        }
        hasProbabilities = true
        plan.probabilities = sigmoid && channels > 1 ? .sigmoid : .softmax
    }

    private mutating func addInvert(isNearest: Bool, _ reader: ConfigReader) throws {
        guard !isInverted else { throw reader.error("_target_", "a second Invertd is not supported") }
        isInverted = true
        guard !isNearest, !(isDiscrete && !resamples) else {
            plan.restoration = .nearest
            return
        }
        guard !isDiscrete else {
            throw reader.error(
                "nearest_interp",
                "is false after AsDiscreted, so class numbers would be interpolated into others; set it to true, or "
                    + "put Invertd before AsDiscreted")
        }
        guard hasProbabilities else {
            throw reader.error(
                "nearest_interp",
                "is false, but the network's output is not made into probabilities before Invertd; add an Activationsd "
                    + "before it")
        }
        plan.restoration = .trilinear
    }

    private mutating func addDiscrete(argmax: Bool, threshold: Double?, _ reader: ConfigReader) throws {
        // Class numbers are already integers.
        if argmax || isDiscrete {
            try reader.expect("rounding", among: ["torchrounding"])
        } else if let rounding = reader.value("rounding") {
            throw reader.error(
                "rounding",
                "\(rounding) is not supported without argmax, because values that are not classes would be rounded")
        }
        guard argmax || threshold != nil else { return }
        guard !isDiscrete else {
            throw reader.error("_target_", "a second AsDiscreted of class numbers is not supported")
        }
        if argmax {
            guard channels > 1 else {
                throw reader.error("argmax", "is 0 everywhere for a single channel; use threshold")
            }
            // MONAI compares class numbers with the threshold: with 0.5, every class but the background would become 1.
            guard threshold == nil else { throw reader.error("threshold", "is not supported together with argmax") }
        } else if let threshold {
            try setThreshold(threshold, reader)
        }
        isDiscrete = true
    }

    /// Sets the threshold. A single channel then has the classes 0 and 1; each of several channels is a region.
    private mutating func setThreshold(_ threshold: Double, _ reader: ConfigReader) throws {
        guard hasProbabilities else {
            throw reader.error("threshold", "is not supported without an Activationsd that makes probabilities")
        }
        // Voxels outside a crop are 0 and would reach a threshold of 0.
        guard threshold > 0 else { throw reader.error("threshold", "should be above 0, not \(threshold)") }
        plan.threshold = threshold
        plan.isRegions = channels > 1
    }

    private mutating func addPainting(_ painting: RegionPainting, _ reader: ConfigReader) throws {
        guard plan.isRegions, plan.before.isEmpty, plan.after.isEmpty else {
            throw reader.error(
                "func", "is supported only after an AsDiscreted whose threshold makes regions, or after Invertd")
        }
        let channels = Set(painting.paints.map(\.channel))
        guard channels.isSubset(of: 0..<self.channels) else {
            throw reader.error(
                "func", "uses the channels \(channels.sorted()), but the network has 0 to \(self.channels - 1)")
        }
        (plan.painting, plan.isRegions) = (painting.paints, false)
    }

    private mutating func add(_ step: MaskStep, _ name: String, _ reader: ConfigReader) throws {
        switch step {
        // MONAI treats a mask of several channels as one map per label.
        case .keepLargest: try reader.expect("is_onehot", .bool(plan.isRegions))
        case .keepAllLargest where plan.isRegions:
            throw reader.error("_target_", "\(name) is for a model of classes, but this one has regions")
        default: break
        }
        if plan.isRegions, let stray = step.channels?.first(where: { $0 >= channels }) {
            throw reader.error(
                "applied_labels", "contains channel \(stray), but the mask has the channels 0 to \(channels - 1)")
        }
        guard isDiscrete else {
            throw reader.error(
                "_target_", "\(name) before AsDiscreted is not supported; the classes have to be made first")
        }
        if isInverted { plan.after.append(step) } else { plan.before.append(step) }
    }
}
