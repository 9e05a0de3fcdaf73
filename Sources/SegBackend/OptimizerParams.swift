/// The options of one step of Adam or AdamW, `torch.optim.Adam`, `torch.optim.AdamW`.
///
/// Kingma and Ba 2015; Loshchilov and Hutter 2019 for the decoupled decay.
public struct AdamParams: Hashable, Sendable {
    /// The learning rate.
    public var learningRate: Float
    /// The decay of the first moment.
    public var beta1: Float
    /// The decay of the second moment.
    public var beta2: Float
    /// The number added to the square root of the bias-corrected second moment.
    public var epsilon: Float
    /// The factor of the L2 term in the gradient. With `decoupled`, the parameter is multiplied by 1 − learningRate ·
    /// weightDecay instead.
    public var weightDecay: Float
    /// Whether the weight decay is decoupled: AdamW.
    public var decoupled: Bool
    /// The number of this step, starting at 1.
    public var step: Int

    /// Creates Adam's options.
    public init(
        learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float, decoupled: Bool, step: Int
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.decoupled = decoupled
        self.step = step
    }
}

/// A parameter and its state in Adam; `parameter`, `firstMoment` and `secondMoment` are updated in place.
public struct AdamSlot: Sendable {
    /// The parameter's values.
    public var parameter: BufferView
    /// The gradient of the loss with respect to the parameter.
    public var gradient: BufferView
    /// The running mean of gradients, zeros before step 1.
    public var firstMoment: BufferView
    /// The running mean of squared gradients, zeros before step 1.
    public var secondMoment: BufferView

    /// Creates a slot from four views of equal count.
    public init(parameter: BufferView, gradient: BufferView, firstMoment: BufferView, secondMoment: BufferView) {
        self.parameter = parameter
        self.gradient = gradient
        self.firstMoment = firstMoment
        self.secondMoment = secondMoment
    }
}

/// The options of one step of stochastic gradient descent, `torch.optim.SGD`.
public struct SGDParams: Hashable, Sendable {
    /// The learning rate.
    public var learningRate: Float
    /// The decay of the momentum buffer; 0 for no momentum.
    public var momentum: Float
    /// The share of the gradient that is not added to the momentum buffer.
    public var dampening: Float
    /// Whether Nesterov momentum is used.
    public var nesterov: Bool
    /// The factor of the L2 term in the gradient.
    public var weightDecay: Float
    /// The number of this step, starting at 1; step 1 copies the gradient itself to the momentum buffer.
    public var step: Int

    /// Creates SGD's options.
    public init(
        learningRate: Float, momentum: Float, dampening: Float, nesterov: Bool, weightDecay: Float, step: Int
    ) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.dampening = dampening
        self.nesterov = nesterov
        self.weightDecay = weightDecay
        self.step = step
    }
}

/// A parameter and its momentum buffer; both are updated in place.
public struct SGDSlot: Sendable {
    /// The parameter's values.
    public var parameter: BufferView
    /// The gradient of the loss with respect to the parameter.
    public var gradient: BufferView
    /// The momentum buffer; nil without momentum.
    public var momentum: BufferView?

    /// Creates a slot from views of equal count.
    public init(parameter: BufferView, gradient: BufferView, momentum: BufferView?) {
        self.parameter = parameter
        self.gradient = gradient
        self.momentum = momentum
    }
}
