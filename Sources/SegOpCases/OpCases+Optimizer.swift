import SegBackend

extension OpCases {
    /// Five steps of each optimiser on parameters of several sizes.
    static let optimizers: [OpCase] =
        [false, true].flatMap { decoupled in [Float(0), 0.1].map { adam(decoupled: decoupled, decay: $0) } } + [
            sgd("plain", momentum: 0, dampening: 0, nesterov: false, decay: 0),
            sgd("decay", momentum: 0, dampening: 0, nesterov: false, decay: 0.1),
            sgd("momentum", momentum: 0.9, dampening: 0, nesterov: false, decay: 0),
            sgd("momentum_dampening", momentum: 0.9, dampening: 0.1, nesterov: false, decay: 0.01),
            sgd("nesterov", momentum: 0.9, dampening: 0, nesterov: true, decay: 0.01),
        ]

    private static let steps = 5
    private static let counts = [1, 37, 1000]

    private static func adam(decoupled: Bool, decay: Float) -> OpCase {
        OpCase("\(decoupled ? "adamw" : "adam")_decay\(decay)", op: "adam") { arrays in
            let gradients = try gradients(arrays)
            let states = try counts.map { count in
                (
                    try arrays.state("parameter\(count)", [count], -1..<1, .op),
                    try arrays.zeros("firstMoment\(count)", [count], .op),
                    try arrays.zeros("secondMoment\(count)", [count], .op)
                )
            }
            return {
                for step in 1...steps {
                    let slots = zip(states, gradients[step - 1]).map { state, gradient in
                        AdamSlot(
                            parameter: state.0, gradient: gradient, firstMoment: state.1, secondMoment: state.2)
                    }
                    let params = AdamParams(
                        learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: decay,
                        decoupled: decoupled, step: step)
                    try arrays.backend.adamStep(slots, params)
                }
            }
        }
    }

    private static func sgd(
        _ name: String, momentum: Float, dampening: Float, nesterov: Bool, decay: Float
    ) -> OpCase {
        OpCase("sgd_\(name)", op: "sgd") { arrays in
            let gradients = try gradients(arrays)
            let states = try counts.map { count in
                (
                    try arrays.state("parameter\(count)", [count], -1..<1, .op),
                    // Step 1 overwrites the initial contents.
                    momentum == 0 ? nil : try arrays.output("momentum\(count)", [count], .op)
                )
            }
            return {
                for step in 1...steps {
                    let slots = zip(states, gradients[step - 1]).map { state, gradient in
                        SGDSlot(parameter: state.0, gradient: gradient, momentum: state.1)
                    }
                    let params = SGDParams(
                        learningRate: 0.1, momentum: momentum, dampening: dampening, nesterov: nesterov,
                        weightDecay: decay, step: step)
                    try arrays.backend.sgdStep(slots, params)
                }
            }
        }
    }

    private static func gradients(_ arrays: OpArrays) throws -> [[BufferView]] {
        try (0..<steps).map { _ in try counts.map { try arrays.upstream([$0]) } }
    }
}
