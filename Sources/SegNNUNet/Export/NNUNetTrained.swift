public import SegWeights

/// The state of a training run by plans, as in nnU-Net's checkpoints.
public struct NNUNetTrained: Sendable {
    /// A parameter of the network.
    public struct Parameter: Sendable {
        /// The parameter's name in nnU-Net.
        public let name: String
        /// The parameter's values.
        public let values: StoredTensor
        /// SGD's momentum buffer of the parameter; nil if there is none.
        public let momentum: StoredTensor?

        /// Creates a parameter with its momentum.
        public init(name: String, values: StoredTensor, momentum: StoredTensor?) {
            (self.name, self.values, self.momentum) = (name, values, momentum)
        }
    }

    /// The values that nnU-Net logs for an epoch of 250 steps.
    public struct Epoch: Sendable {
        /// The mean loss of the epoch's steps.
        public let loss: Double
        /// The learning rate.
        public let learningRate: Double
        /// The pseudo Dice after the epoch; nil if it was not measured.
        public let dice: Double?
        /// The pseudo Dice of each class.
        public let classes: [Double?]
        /// The seconds from the beginning of the training to the beginning and to the end of the epoch.
        public let seconds: ClosedRange<Double>

        /// Creates an epoch.
        public init(
            loss: Double, learningRate: Double, dice: Double?, classes: [Double?], seconds: ClosedRange<Double>
        ) {
            (self.loss, self.learningRate, self.dice) = (loss, learningRate, dice)
            (self.classes, self.seconds) = (classes, seconds)
        }
    }

    /// The parameters, in the order in which PyTorch's network lists them.
    public var parameters: [Parameter]
    /// All epochs.
    public var epochs: [Epoch]
    /// The number of epochs of the whole training run.
    public var plannedEpochs: Int
    /// Whether the training run is finished.
    public var isFinished: Bool
    /// The initial learning rate, the momentum and the weight decay: `lr`, `momentum`, `weight_decay` of `torch.optim.SGD`.
    public var descent: (rate: Double, momentum: Double, weightDecay: Double)
    /// The axes of a window along which the model's flips may be averaged; empty for no mirroring.
    public var mirrorAxes: [Int]

    /// Creates the state of a training run.
    public init(
        parameters: [Parameter], epochs: [Epoch], plannedEpochs: Int, isFinished: Bool,
        descent: (rate: Double, momentum: Double, weightDecay: Double), mirrorAxes: [Int]
    ) {
        (self.parameters, self.epochs, self.plannedEpochs) = (parameters, epochs, plannedEpochs)
        (self.isFinished, self.descent, self.mirrorAxes) = (isFinished, descent, mirrorAxes)
    }
}
