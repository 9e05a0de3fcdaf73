internal import SegModels

/// The sources of the samples of an uncertain prediction, besides the models of an ensemble.
///
/// Every model predicts every flip of the scan in every pass; the number of samples is the number of models × flips × passes.
public struct UncertaintyOptions: Hashable, Sendable {
    /// The number of passes of Monte Carlo dropout, Gal and Ghahramani 2016; 0 leaves dropout off.
    public var passes = 10
    /// The seed of the random numbers of dropout, which are the same on every backend.
    public var seed: UInt64 = 0
    /// The axes of the network's volume, 0 to 2, that are flipped in every combination: test-time augmentation.
    public var mirroredAxes: Set<Int> = []
    /// Whether it is accepted that the options make all samples equal, or that the samples turn out equal.
    public var allowsZeroVariance = false

    /// Creates options with ten passes of dropout.
    public init() {}

    /// The number of samples of one model.
    public var samplesPerModel: Int { max(passes, 1) << mirroredAxes.count }

    /// Every combination of the mirrored axes, beginning with no axis.
    var mirrors: [Mirror] {
        mirroredAxes.sorted().reduce([Mirror(axes: [])]) { mirrors, axis in
            mirrors + mirrors.map { Mirror(axes: $0.axes + [axis]) }
        }
    }

    /// The maximum number of passes.
    public static let mostPasses = 100_000

    /// Refuses options and models that give no variance or a meaningless one.
    func check(models: [Predictor]) throws {
        guard (0...Self.mostPasses).contains(passes) else {
            throw InferenceError("the number of passes should be 0 to \(Self.mostPasses), not \(passes)")
        }
        guard mirroredAxes.isSubset(of: [0, 1, 2]) else {
            throw InferenceError("axes 0, 1 and 2 can be mirrored, not \(mirroredAxes.sorted())")
        }
        for model in models where !model.description.maskPlan.areShares(channels: model.network.outputChannels) {
            throw InferenceError(
                "the model's probabilities are independent for each channel (a sigmoid, or regions), and their "
                    + "uncertainty is not supported; give one model, no passes and no mirrored axes (--uncertainty, --mirror)"
            )
        }
        guard models.count * samplesPerModel >= 2 else {
            throw InferenceError(
                "one sample has no variance; choose at least 2 passes, a mirrored axis or a second model")
        }
        if passes > 0, models.contains(where: { !$0.folds.isEmpty || !$0.description.mirrorAxes.isEmpty }) {
            throw InferenceError(
                "the model averages folds or mirror images, which is not supported with passes of dropout; give 0 passes "
                    + "(leave out --uncertainty)"
            )
        }
        guard passes > 0, !allowsZeroVariance else { return }
        for (number, model) in models.enumerated() where model.network.dropoutProbability == 0 {
            let which = models.count > 1 ? "network \(number + 1)" : "the network"
            throw InferenceError(
                "\(which) has no active dropout: every probability in its network_def is 0, so \(passes) passes "
                    + "would be equal and their variance 0; use a network with dropout, mirror axes or give several "
                    + "models instead, or set allowsZeroVariance (--allow-zero-variance)")
        }
    }
}
