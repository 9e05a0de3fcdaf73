import SegBackend

/// A kind of normalisation on an input.
struct NormCase: Sendable {
    let name: String
    let shape: Shape
    let params: NormParams

    /// Batch, instance, group and layer normalisation of an input.
    static func kinds(_ shape: Shape) -> [NormCase] {
        let channels = shape.channels
        let groups = channels % 4 == 0 ? 4 : channels % 3 == 0 ? 3 : 1
        let kinds: [(String, NormParams.Kind)] = [
            ("batch", .batch), ("instance", .instance), ("group\(groups)", .group(groups)), ("layer", .layer),
        ]
        return kinds.map { name, kind in
            // Over two or three elements and with a small ε, the gradient is a difference of nearly equal numbers.
            let few = kind == .layer && channels < 16
            return NormCase(name: name, shape: shape, params: NormParams(kind: kind, epsilon: few ? 0.1 : 1e-5))
        }
    }

    var statistics: Shape { params.statisticsShape(of: shape) }

    /// The number of elements that share a mean.
    var terms: Int { shape.count / statistics.count }

    /// The tolerance of the input's gradient, which is zero if each element is its own mean.
    var gradientTolerance: Tolerance { terms == 1 ? .zeroGradient : .reduction(terms: terms) }

    /// The tolerance of the weight's gradient, which is also zero if every normalised value is zero.
    var weightTolerance: Tolerance { terms == 1 ? .zeroGradient : .reduction(terms: shape.rows) }
}

extension OpCases {
    /// Statistics, normalisation and its gradient.
    static let normalizations: [OpCase] =
        [1, 2, 3, 16, 33].flatMap { channels in
            NormCase.kinds([2, 5, 3, 4, channels]).flatMap(cases)
        } + longNorms + streamed + [
            statistics(
                NormCase(name: "layer", shape: [7, 96], params: NormParams(kind: .layer, epsilon: 1e-6)), 0..<1),
            statistics(
                NormCase(name: "batch", shape: [1, 1, 1, 1, 5], params: NormParams(kind: .batch, epsilon: 1e-5)), 0..<1),
        ]

    /// More than 1e5 positions with values far from zero, for which a variance from Σ x² would lose its digits.
    private static let longNorms: [OpCase] = NormCase.kinds([1, 50, 51, 49, 2]).prefix(2).flatMap {
        [statistics($0, 7..<9), backward($0, affine: true, accumulate: false)]
    }

    /// Cases larger than the caches, so the CPU's results bypass them: with a last run that does not fill a vector,
    /// with whole vectors, and with two volumes of which the second does not begin at a vector.
    private static let streamed: [OpCase] =
        [
            NormCase.kinds([1, 37, 41, 43, 33])[0], NormCase.kinds([1, 33, 33, 33, 32])[1],
            NormCase.kinds([2, 33, 31, 33, 33])[1],
        ].flatMap {
            [
                normalize($0, affine: true, inPlace: false).aligned,
                backward($0, affine: true, accumulate: false).aligned,
            ]
        }

    private static func cases(_ norm: NormCase) -> [OpCase] {
        [
            statistics(norm, -0.5..<2), normalize(norm, affine: true, inPlace: false),
            normalize(norm, affine: false, inPlace: true), backward(norm, affine: true, accumulate: false),
            backward(norm, affine: true, accumulate: true), backward(norm, affine: false, accumulate: false),
        ]
    }

    private static func statistics(_ norm: NormCase, _ range: Range<Float>) -> OpCase {
        OpCase("norm_statistics_\(norm.name)_\(extents(norm.shape))", op: "norm") { arrays in
            let x = try arrays.input(norm.shape, range)
            let mean = try arrays.output("mean", norm.statistics, .reduction(terms: norm.terms))
            let variance = try arrays.output("variance", norm.statistics, norm.gradientTolerance)
            return { try arrays.backend.normStatistics(x, norm.params, into: mean, variance) }
        }
    }

    private static func normalize(_ norm: NormCase, affine: Bool, inPlace: Bool) -> OpCase {
        let name =
            "normalize_\(norm.name)_\(extents(norm.shape))" + (affine ? "_affine" : "") + (inPlace ? "_inplace" : "")
        return OpCase(name, op: "norm") { arrays in
            // As in inference, the statistics are not computed from x.
            let mean = try arrays.input(norm.statistics)
            let variance = try arrays.input(norm.statistics, 0.2..<3)
            let weight = affine ? try arrays.input([norm.shape.channels], 0.5..<1.5) : nil
            let bias = affine ? try arrays.input([norm.shape.channels]) : nil
            let y = inPlace ? try arrays.state("y", norm.shape, -1..<2, .op) : try arrays.output("y", norm.shape, .op)
            let x = inPlace ? y : try arrays.input(norm.shape, -1..<2)
            return {
                try arrays.backend.normalize(
                    x, mean: mean, variance: variance, weight: weight, bias: bias, norm.params, into: y)
            }
        }
    }

    private static func backward(_ norm: NormCase, affine: Bool, accumulate: Bool) -> OpCase {
        let name =
            "normalize_backward_\(norm.name)_\(extents(norm.shape))" + (affine ? "_affine" : "")
            + (accumulate ? "_accumulate" : "")
        return OpCase(name, op: "norm") { arrays in
            let x = try arrays.input(norm.shape, -1..<2)
            let upstream = try arrays.upstream(norm.shape)
            let channels: Shape = [norm.shape.channels]
            let weight = affine ? try arrays.input(channels, 0.5..<1.5) : nil
            let bias = affine ? try arrays.input(channels) : nil
            let y = try arrays.output("y", norm.shape, .op)
            let mean = try arrays.scratch(norm.statistics, arrays.backend.scalar)
            let variance = try arrays.scratch(norm.statistics, arrays.backend.scalar)
            let gradients = NormGradients(
                x: try arrays.output("gx", norm.shape, accumulate: accumulate, norm.gradientTolerance),
                accumulate: accumulate,
                weight: affine ? try arrays.output("gweight", channels, accumulate: true, norm.weightTolerance) : nil,
                bias: affine
                    ? try arrays.output("gbias", channels, accumulate: true, .reduction(terms: norm.shape.rows)) : nil,
                slope: nil, residualBefore: nil)
            try arrays.differentiate(
                y, upstream: upstream,
                [(x, gradients.x), (weight, gradients.weight), (bias, gradients.bias)])
            return {
                try arrays.backend.normStatistics(x, norm.params, into: mean, variance)
                try arrays.backend.normalize(
                    x, mean: mean, variance: variance, weight: weight, bias: bias, norm.params, into: y)
                try arrays.backend.normalizeBackward(
                    x, upstream: upstream, mean: mean, variance: variance, weight: weight, norm.params,
                    into: gradients)
            }
        }
    }
}

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
