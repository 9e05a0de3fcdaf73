internal import SegBackend
public import SegTensor

/// An optimiser with its fixed settings, by default PyTorch's and MONAI's; the learning rate is an argument of each step.
public enum OptimizerKind: Hashable, Sendable {
    /// Adam, or AdamW if `decoupled`.
    case adam(
        beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 0, decoupled: Bool = false
    )
    /// SGD with momentum.
    case sgd(momentum: Float = 0, dampening: Float = 0, nesterov: Bool = false, weightDecay: Float = 0)
    /// NovoGrad, with one second moment per parameter array, `monai.optimizers.Novograd`. Ginsburg et al. 2019.
    case novograd(
        beta1: Float = 0.9, beta2: Float = 0.98, epsilon: Float = 1e-8, weightDecay: Float = 0, averages: Bool = false)

    /// The names of the arrays that are kept for each parameter.
    fileprivate var slotNames: [String] {
        switch self {
        case .adam: ["exp_avg", "exp_avg_sq"]
        case .sgd(let momentum, _, _, _): momentum == 0 ? [] : ["momentum_buffer"]
        case .novograd: ["exp_avg", "exp_avg_sq"]
        }
    }
}

/// An optimiser and its state; a step changes the parameters by their gradients.
public final class Optimizer {
    /// The kind of optimiser and its settings.
    public let kind: OptimizerKind
    /// The number of steps so far; it is set together with the arrays of `slots` when a training run is resumed.
    public var step = 0
    private let parameters: [Parameter]
    /// The factor of each parameter's learning rate.
    private let factors: [Float]
    /// The moments or the momentum buffer of each parameter.
    private let state: [[Tensor]]

    /// Creates an optimiser of parameters; its state starts at zero.
    /// - Parameter factors: The factors of the learning rate by part of the network, as in PyTorch's parameter groups; of
    ///   several names that match, the longest counts.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ kind: OptimizerKind, parameters: [Parameter], factors: [String: Float] = [:]) throws {
        self.kind = kind
        self.parameters = parameters
        self.factors = parameters.map { parameter in
            let parts = factors.filter { parameter.isWithin($0.key) }
            return parts.max { $0.key.count < $1.key.count }?.value ?? 1
        }
        state = try parameters.map { parameter in
            try kind.slotNames.enumerated().map { index, _ in
                // Novograd's second moment is one number.
                let isNumber = if case .novograd = kind { index == 1 } else { false }
                return try Tensor(
                    repeating: 0, shape: isNumber ? [1] : parameter.shape, on: parameter.leaf.backend)
            }
        }
    }

    /// The state that is kept between steps, as `exp_avg.PARAMETER`; it is overwritten in place when a training run is resumed.
    public var slots: [(name: String, values: Tensor)] {
        zip(parameters, state).flatMap { parameter, tensors in
            zip(kind.slotNames, tensors).map { ("\($0).\(parameter.name)", $1) }
        }
    }

    /// Changes every parameter that has a gradient.
    /// - Throws: `BackendError` from the backend.
    public func step(_ gradients: Gradients, learningRate: Float) throws {
        try step(parameters.map { gradients[$0.leaf] }, learningRate: learningRate)
    }

    /// Changes every parameter that has a gradient, given in the order of the parameters.
    /// - Throws: `BackendError` from the backend.
    public func step(_ gradients: [Tensor?], learningRate: Float) throws {
        let present = parameters.indices.compactMap { index in
            gradients[index].map {
                (factors[index], Present(parameter: parameters[index].leaf, gradient: $0, state: state[index]))
            }
        }
        guard !present.isEmpty else { return }
        step += 1
        for (factor, group) in Dictionary(grouping: present, by: \.0).sorted(by: { $0.key < $1.key }) {
            try change(group.map(\.1), learningRate: learningRate * factor)
        }
    }

    /// Runs the backward pass of a loss and changes each parameter as soon as its gradient is complete. The values are
    /// the same as in a step with all gradients, but no two gradients need to be in memory at a time. There are two
    /// exceptions, in which all gradients are in memory together: Novograd, and a network with recomputed blocks, whose
    /// gradients are complete only at the end.
    /// - Throws: `TensorError` if the loss has no history; `BackendError` from the backend.
    public func step(backFrom loss: Tensor, learningRate: Float) throws {
        if case .novograd = kind { return try step(loss.gradients(upstream: nil), learningRate: learningRate) }
        step += 1
        try loss.forEachGradient(of: parameters.map(\.leaf)) { [parameters, state, factors] index, gradient in
            let present = Present(parameter: parameters[index].leaf, gradient: gradient, state: state[index])
            try self.change([present], learningRate: learningRate * factors[index])
        }
    }

    private func change(_ present: [Present], learningRate: Float) throws {
        guard let backend = present.first?.parameter.backend else { return }
        switch kind {
        case .adam(let beta1, let beta2, let epsilon, let weightDecay, let decoupled):
            try backend.adamStep(
                present.map {
                    AdamSlot(
                        parameter: $0.parameter.view, gradient: $0.gradient.view, firstMoment: $0.state[0].view,
                        secondMoment: $0.state[1].view)
                },
                AdamParams(
                    learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay,
                    decoupled: decoupled, step: step))
        case .sgd(let momentum, let dampening, let nesterov, let weightDecay):
            try backend.sgdStep(
                present.map {
                    SGDSlot(
                        parameter: $0.parameter.view, gradient: $0.gradient.view, momentum: $0.state.first?.view)
                },
                SGDParams(
                    learningRate: learningRate, momentum: momentum, dampening: dampening, nesterov: nesterov,
                    weightDecay: weightDecay, step: step))
        case .novograd: try novogradStep(present, learningRate: learningRate)
        }
    }

    /// A parameter that has a gradient in this step.
    private struct Present {
        let parameter: Tensor
        let gradient: Tensor
        let state: [Tensor]
    }

    /// Computes m = β₁ m + s (g / (√v + ε) + decay · p) and p −= rate · m, where v is a moving average of ‖g‖², and s is 1,
    /// or 1 − β₁ with `grad_averaging`.
    private func novogradStep(_ present: [Present], learningRate: Float) throws {
        guard case .novograd(let beta1, let beta2, let epsilon, let decay, let averages) = kind else { return }
        let share: Float = averages ? 1 - beta1 : 1
        let squares = try GradientSum.squares(present.map(\.gradient))
        for (slot, square) in zip(present, squares) {
            let backend = slot.parameter.backend
            let (momentum, moment) = (slot.state[0], slot.state[1])
            let before = try moment.item()
            let second = before == 0 ? square : Double(beta2) * before + (1 - Double(beta2)) * square
            try backend.fill(moment.view, with: second)
            let factor = Float(1 / (second.squareRoot() + Double(epsilon)))
            try backend.scale(slot.gradient.view, by: share * factor, into: momentum.view, times: beta1)
            if decay != 0 {
                try backend.scale(slot.parameter.view, by: share * decay, into: momentum.view, times: 1)
            }
            try backend.scale(momentum.view, by: -learningRate, into: slot.parameter.view, times: 1)
        }
    }
}
