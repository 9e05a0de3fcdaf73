import SegBackend

/// An activation for cases, with the number of its slopes.
struct ActivationCase: Sendable {
    let name: String
    let activation: Activation
    /// Whether PReLU has one slope for each channel instead of one in total.
    let slopePerChannel: Bool

    /// All activations, with a parameter other than the default; PReLU is contained twice.
    static let all: [ActivationCase] = Activation.all.flatMap { activation in
        let (name, parameter) = (activation.entry.name, activation.entry.parameter)
        let moved = parameter.map { activation.with(parameter: 1.25 * $0.value) } ?? activation
        return [ActivationCase(name: name, activation: moved, slopePerChannel: false)]
            + (activation == .prelu
                ? [ActivationCase(name: "prelu_channels", activation: activation, slopePerChannel: true)] : [])
    }

    /// The leaky ReLU of MONAI's blocks.
    static let leaky = ActivationCase(
        name: "leaky_relu_0.01", activation: .leakyReLU(slope: 0.01), slopePerChannel: false)

    /// The shape of the slopes; nil if there are none.
    func slopeShape(channels: Int) -> Shape? {
        activation == .prelu ? [slopePerChannel ? channels : 1] : nil
    }
}

extension OpCases {
    /// Activations and their gradients.
    static let activations: [OpCase] =
        ActivationCase.all.flatMap { item in
            [
                forward(item, [2, 3, 4, 5, 17], inPlace: false), forward(item, [3, 16], inPlace: true),
                forward(item, [5, 1], inPlace: false), backward(item, [2, 3, 4, 5, 17], accumulate: false),
                backward(item, [2, 3, 5, 4, 16], accumulate: true), backward(item, [13, 1], accumulate: false),
            ]
        } + [
            // Larger than the caches, so the CPU's results bypass them.
            forward(ActivationCase.leaky, [1, 33, 33, 33, 32], inPlace: false).aligned,
            backward(ActivationCase.leaky, [1, 33, 33, 33, 32], accumulate: false).aligned,
        ]

    private static func forward(_ item: ActivationCase, _ shape: Shape, inPlace: Bool) -> OpCase {
        let name = "activate_\(item.name)_\(extents(shape))" + (inPlace ? "_inplace" : "")
        return OpCase(name, op: "activate", bytes: 8 * shape.count) { arrays in
            let slope = try item.slopeShape(channels: shape.channels).map { try arrays.input($0, 0.1..<0.4) }
            let y = inPlace ? try arrays.state("y", shape, -4..<4, .op) : try arrays.output("y", shape, .op)
            let x = inPlace ? y : try arrays.input(shape, -4..<4)
            return { try arrays.backend.activate(x, item.activation, slope: slope, into: y) }
        }
    }

    private static func backward(_ item: ActivationCase, _ shape: Shape, accumulate: Bool) -> OpCase {
        let name = "activate_backward_\(item.name)_\(extents(shape))" + (accumulate ? "_accumulate" : "")
        return OpCase(name, op: "activate", bytes: 12 * shape.count) { arrays in
            let slopeShape = item.slopeShape(channels: shape.channels)
            let slope = try slopeShape.map { try arrays.input($0, 0.1..<0.4) }
            let x = try arrays.input(shape, -4..<4)
            let upstream = try arrays.upstream(shape)
            let y = try arrays.output("y", shape, .op)
            let gx = try arrays.output("gx", shape, accumulate: accumulate, .op)
            let inPlace = try arrays.output("gx_in_place", shape, .op)
            let slopeGradient = try slopeShape.map { try arrays.output("gslope", $0, accumulate: true, .op) }
            try arrays.differentiate(y, upstream: upstream, [(x, gx), (slope, slopeGradient)])
            return {
                try arrays.backend.activate(x, item.activation, slope: slope, into: y)
                try arrays.backend.activateBackward(
                    x, upstream: upstream, item.activation, slope: slope, into: gx, slopeGradient: slopeGradient,
                    accumulate: accumulate)
                try arrays.backend.scale(x, by: 1, into: inPlace, times: 0)
                try arrays.backend.activateBackward(
                    inPlace, upstream: upstream, item.activation, slope: slope, into: inPlace, slopeGradient: nil,
                    accumulate: false)
            }
        }
    }
}
