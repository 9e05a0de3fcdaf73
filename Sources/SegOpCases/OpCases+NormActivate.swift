import SegBackend

/// A normalisation with the steps that may follow it.
struct FusedNormCase: Sendable {
    enum Dropout: String, CaseIterable {
        case none, elements, channels
    }

    enum Residual: String, CaseIterable {
        case none, before, after
    }

    let norm: NormCase
    let activation: ActivationCase
    let dropout: Dropout
    let residual: Residual
    let probability: Float
    let affine: Bool

    var name: String {
        "norm_\(norm.name)_\(activation.name)_dropout_\(dropout)_residual_\(residual)_\(OpCases.extents(norm.shape))"
            + (affine ? "_affine" : "")
    }

    /// Every kind × activation × dropout × residual; the numbers of channels alternate.
    static let all: [FusedNormCase] = {
        let channels = [16, 3, 33, 2, 1]
        var cases: [FusedNormCase] = []
        for activation in ActivationCase.all {
            for dropout in Dropout.allCases {
                for residual in Residual.allCases {
                    for kind in 0..<4 {
                        let shape: Shape = [2, 3, 5, 4, channels[cases.count % channels.count]]
                        cases.append(
                            FusedNormCase(
                                norm: NormCase.kinds(shape)[kind], activation: activation, dropout: dropout,
                                residual: residual, probability: 0.3, affine: cases.count % 3 != 0))
                    }
                }
            }
        }
        return cases
    }()

    /// The op's operands on a backend.
    struct Operands {
        let x: BufferView
        let mean: BufferView
        let variance: BufferView
        let weight: BufferView?
        let bias: BufferView?
        let epilogue: NormEpilogue
    }

    func operands(_ arrays: OpArrays) throws -> Operands {
        let shape = norm.shape
        let dropout = DropoutParams(
            probability: probability, seed: 77, layer: 5, pass: 2, channelwise: dropout == .channels)
        let epilogue = NormEpilogue(
            dropout: self.dropout == .none ? nil : dropout, activation: activation.activation,
            slope: try activation.slopeShape(channels: shape.channels).map { try arrays.input($0, 0.1..<0.4) },
            residualBefore: residual == .before ? try arrays.input(shape) : nil,
            residualAfter: residual == .after ? try arrays.input(shape) : nil)
        return Operands(
            x: try arrays.input(shape, -1..<2),
            mean: try arrays.scratch(norm.statistics, arrays.backend.scalar),
            variance: try arrays.scratch(norm.statistics, arrays.backend.scalar),
            weight: affine ? try arrays.input([shape.channels], 0.5..<1.5) : nil,
            bias: affine ? try arrays.input([shape.channels]) : nil, epilogue: epilogue)
    }

    /// Computes the statistics of x, and then the fused op.
    func forward(_ backend: any Backend, _ operands: Operands, into y: BufferView) throws {
        try backend.normStatistics(operands.x, norm.params, into: operands.mean, operands.variance)
        try backend.normActivate(
            operands.x, mean: operands.mean, variance: operands.variance, weight: operands.weight,
            bias: operands.bias, norm.params, operands.epilogue, into: y)
    }

    /// Computes the fused op on a copy of x in place; `forward` must have computed the statistics.
    func overwrite(_ copy: BufferView, _ backend: any Backend, _ operands: Operands) throws {
        try backend.scale(operands.x, by: 1, into: copy, times: 0)
        try backend.normActivate(
            copy, mean: operands.mean, variance: operands.variance, weight: operands.weight, bias: operands.bias,
            norm.params, operands.epilogue, into: copy)
    }

    /// Copies the residual to y and computes the fused op in place on this copy; without a residual, copies x to y.
    func overwriteResidual(_ y: BufferView, _ backend: any Backend, _ operands: Operands) throws {
        var epilogue = operands.epilogue
        guard let residual = epilogue.residualBefore ?? epilogue.residualAfter else {
            return try backend.scale(operands.x, by: 1, into: y, times: 0)
        }
        try backend.scale(residual, by: 1, into: y, times: 0)
        if epilogue.residualBefore == nil { epilogue.residualAfter = y } else { epilogue.residualBefore = y }
        try backend.normActivate(
            operands.x, mean: operands.mean, variance: operands.variance, weight: operands.weight, bias: operands.bias,
            norm.params, epilogue, into: y)
    }

    func backward(
        _ backend: any Backend, _ operands: Operands, upstream: BufferView, into gradients: NormGradients
    ) throws {
        try backend.normActivateBackward(
            operands.x, upstream: upstream, mean: operands.mean, variance: operands.variance,
            weight: operands.weight, bias: operands.bias, norm.params, operands.epilogue, into: gradients)
    }

    /// Computes the gradient for x alone and overwrites `copy`, which is first filled with x.
    func overwriteWithGradient(
        _ copy: BufferView, _ backend: any Backend, _ operands: Operands, upstream: BufferView, before: BufferView?
    ) throws {
        try backend.scale(operands.x, by: 1, into: copy, times: 0)
        try backend.normActivateBackward(
            copy, upstream: upstream, mean: operands.mean, variance: operands.variance, weight: operands.weight,
            bias: operands.bias, norm.params, operands.epilogue,
            into: NormGradients(
                x: copy, accumulate: false, weight: nil, bias: nil, slope: nil, residualBefore: before))
    }
}

extension OpCases {
    /// Normalisation, dropout, residual and activation in one op, forward and backward.
    static let fusedNormalizations: [OpCase] = FusedNormCase.all.enumerated().map { index, item in
        fused(item, accumulate: index % 2 == 1)
    }

    private static func fused(_ item: FusedNormCase, accumulate: Bool) -> OpCase {
        OpCase(item.name + (accumulate ? "_accumulate" : ""), op: "norm") { arrays in
            let (shape, channels): (Shape, Shape) = (item.norm.shape, [item.norm.shape.channels])
            let operands = try item.operands(arrays)
            let upstream = try arrays.upstream(shape)
            let y = try arrays.output("y", shape, .op)
            let inPlace = try arrays.output("in_place", shape, .op)
            let inResidual = try arrays.output("in_residual", shape, .op)
            let gradientInPlace = try arrays.output("gx_in_place", shape, item.norm.gradientTolerance)
            let beforeInPlace =
                item.residual == .before ? try arrays.output("gbefore_in_place", shape, .op) : nil
            let slope = item.activation.slopeShape(channels: shape.channels)
            // If dropout zeroes a whole channel, the gradients of the channel's parameters are zero on both sides.
            let gradients = NormGradients(
                x: try arrays.output("gx", shape, accumulate: accumulate, item.norm.gradientTolerance),
                accumulate: accumulate,
                weight: item.affine
                    ? try arrays.output("gweight", channels, accumulate: true, item.norm.weightTolerance) : nil,
                bias: item.affine ? try arrays.output("gbias", channels, accumulate: true, .op) : nil,
                slope: try slope.map { try arrays.output("gslope", $0, accumulate: true, .op) },
                residualBefore: item.residual == .before ? try arrays.output("gbefore", shape, .op) : nil)
            try arrays.differentiate(
                y, upstream: upstream,
                [
                    (operands.x, gradients.x), (operands.weight, gradients.weight), (operands.bias, gradients.bias),
                    (operands.epilogue.slope, gradients.slope),
                    (operands.epilogue.residualBefore, gradients.residualBefore),
                ])
            return {
                try item.forward(arrays.backend, operands, into: y)
                try item.overwrite(inPlace, arrays.backend, operands)
                try item.overwriteResidual(inResidual, arrays.backend, operands)
                try item.overwriteWithGradient(
                    gradientInPlace, arrays.backend, operands, upstream: upstream, before: beforeInPlace)
                try item.backward(arrays.backend, operands, upstream: upstream, into: gradients)
            }
        }
    }
}
