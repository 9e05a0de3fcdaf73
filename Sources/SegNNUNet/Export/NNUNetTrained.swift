public import SegWeights

/// What a training by plans has come to, as nnU-Net's checkpoints hold it.
public struct NNUNetTrained: Sendable {
    /// A parameter of the network.
    public struct Parameter: Sendable {
        /// Its name, which is nnU-Net's.
        public let name: String
        /// Its values.
        public let values: StoredTensor
        /// What SGD keeps of it; nil for nothing.
        public let momentum: StoredTensor?

        /// A parameter with its momentum.
        public init(name: String, values: StoredTensor, momentum: StoredTensor?) {
            (self.name, self.values, self.momentum) = (name, values, momentum)
        }
    }

    /// What nnU-Net logs of an epoch, 250 steps.
    public struct Epoch: Sendable {
        /// Mean loss of its steps.
        public let loss: Double
        /// The learning rate.
        public let learningRate: Double
        /// Pseudo Dice after it; nil where it was not measured.
        public let dice: Double?
        /// That of each class.
        public let classes: [Double?]
        /// Seconds since the training began, before it and after it.
        public let seconds: ClosedRange<Double>

        /// An epoch.
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
    /// Epochs of the whole training.
    public var plannedEpochs: Int
    /// Whether it has come to its end.
    public var isFinished: Bool
    /// The learning rate that it began with, momentum, weight decay: `lr`, `momentum`, `weight_decay` of `torch.optim.SGD`.
    public var descent: (rate: Double, momentum: Double, weightDecay: Double)
    /// Axes along which the model's mirror images may be averaged, those of its windows; none for no mirroring.
    public var mirrorAxes: [Int]

    /// What a training has come to.
    public init(
        parameters: [Parameter], epochs: [Epoch], plannedEpochs: Int, isFinished: Bool,
        descent: (rate: Double, momentum: Double, weightDecay: Double), mirrorAxes: [Int]
    ) {
        (self.parameters, self.epochs, self.plannedEpochs) = (parameters, epochs, plannedEpochs)
        (self.isFinished, self.descent, self.mirrorAxes) = (isFinished, descent, mirrorAxes)
    }
}
