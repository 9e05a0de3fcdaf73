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
