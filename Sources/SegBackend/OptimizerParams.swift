/// One step of Adam or AdamW, `torch.optim.Adam`, `torch.optim.AdamW`.
///
/// Kingma and Ba 2015; Loshchilov and Hutter 2019 for the decoupled decay.
public struct AdamParams: Hashable, Sendable {
    /// Step size.
    public var learningRate: Float
    /// Decay of the first moment.
    public var beta1: Float
    /// Decay of the second moment.
    public var beta2: Float
    /// Added to the root of the bias-corrected second moment.
    public var epsilon: Float
    /// L2 term in the gradient, or with `decoupled` a shrinkage of the parameter.
    public var weightDecay: Float
    /// AdamW.
    public var decoupled: Bool
    /// Number of this step, from 1.
    public var step: Int

    /// Makes Adam's parameters.
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

/// A parameter and what Adam keeps of it; `parameter`, `firstMoment` and `secondMoment` are updated in place.
public struct AdamSlot: Sendable {
    /// The values to change.
    public var parameter: BufferView
    /// The loss's gradient.
    public var gradient: BufferView
    /// Running mean of gradients, zeros before step 1.
    public var firstMoment: BufferView
    /// Running mean of squared gradients, zeros before step 1.
    public var secondMoment: BufferView

    /// Makes a slot of four views of equal count.
    public init(parameter: BufferView, gradient: BufferView, firstMoment: BufferView, secondMoment: BufferView) {
        self.parameter = parameter
        self.gradient = gradient
        self.firstMoment = firstMoment
        self.secondMoment = secondMoment
    }
}

/// One step of stochastic gradient descent, `torch.optim.SGD`.
public struct SGDParams: Hashable, Sendable {
    /// Step size.
    public var learningRate: Float
    /// Decay of the momentum buffer; 0 for none.
    public var momentum: Float
    /// Share of the gradient that does not enter the momentum buffer.
    public var dampening: Float
    /// Nesterov's look-ahead.
    public var nesterov: Bool
    /// L2 term in the gradient.
    public var weightDecay: Float
    /// Number of this step, from 1: the first fills the momentum buffer with the gradient itself.
    public var step: Int

    /// Makes SGD's parameters.
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
    /// The values to change.
    public var parameter: BufferView
    /// The loss's gradient.
    public var gradient: BufferView
    /// The momentum buffer; absent without momentum.
    public var momentum: BufferView?

    /// Makes a slot of views of equal count.
    public init(parameter: BufferView, gradient: BufferView, momentum: BufferView?) {
        self.parameter = parameter
        self.gradient = gradient
        self.momentum = momentum
    }
}
