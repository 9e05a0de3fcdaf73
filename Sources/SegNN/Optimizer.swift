internal import SegBackend
public import SegTensor

/// Which optimiser, with its fixed settings; the learning rate comes with each step.
public enum OptimizerKind: Hashable, Sendable {
    /// Adam, or AdamW where `decoupled`.
    case adam(beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float, decoupled: Bool)
    /// SGD with momentum.
    case sgd(momentum: Float, dampening: Float, nesterov: Bool, weightDecay: Float)
}

/// Changes parameters along their gradients and keeps what it needs from step to step.
public final class Optimizer {
    /// Which optimiser.
    public let kind: OptimizerKind
    /// Steps taken.
    public private(set) var step = 0
    private let parameters: [Parameter]
    /// Adam's moments or SGD's momentum buffer, by parameter.
    private let state: [[Tensor]]

    /// Makes an optimiser of parameters; its state starts at zero.
    /// - Throws: `BackendError` where memory is short.
    public init(_ kind: OptimizerKind, parameters: [Parameter]) throws {
        self.kind = kind
        self.parameters = parameters
        let count =
            switch kind {
            case .adam: 2
            case .sgd(let momentum, _, _, _): momentum == 0 ? 0 : 1
            }
        state = try parameters.map { parameter in
            try (0..<count).map { _ in
                try Tensor(repeating: 0, shape: parameter.shape, on: parameter.leaf.backend)
            }
        }
    }

    /// Changes every parameter that has a gradient.
    /// - Throws: `BackendError` from the backend.
    public func step(_ gradients: Gradients, learningRate: Float) throws {
        let present = zip(parameters, state).compactMap { parameter, state in
            gradients[parameter.leaf].map { (parameter, $0, state) }
        }
        guard let backend = present.first?.0.leaf.backend else { return }
        step += 1
        switch kind {
        case .adam(let beta1, let beta2, let epsilon, let weightDecay, let decoupled):
            try backend.adamStep(
                present.map { parameter, gradient, state in
                    AdamSlot(
                        parameter: parameter.leaf.view, gradient: gradient.view, firstMoment: state[0].view,
                        secondMoment: state[1].view)
                },
                AdamParams(
                    learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay,
                    decoupled: decoupled, step: step))
        case .sgd(let momentum, let dampening, let nesterov, let weightDecay):
            try backend.sgdStep(
                present.map { parameter, gradient, state in
                    SGDSlot(
                        parameter: parameter.leaf.view, gradient: gradient.view, momentum: state.first?.view)
                },
                SGDParams(
                    learningRate: learningRate, momentum: momentum, dampening: dampening, nesterov: nesterov,
                    weightDecay: weightDecay, step: step))
        }
    }
}
