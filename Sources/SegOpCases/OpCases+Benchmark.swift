import SegBackend
import SegCore

/// A row of the benchmark: a case at the real size of a network, with the same name as in the PyTorch benchmark.
public struct BenchmarkCase: Sendable {
    /// The row's name: `conv_16_16_96_k3`.
    public let name: String
    /// `forward` or `forward+backward`.
    public let what: String
    /// The case that is run; its operations are counted in `opCase.flops`.
    public let opCase: OpCase
}

extension OpCases {
    /// The rows of the op benchmark, for a batch of volumes; much too large for tests.
    public static func benchmark(batch: Int) -> [BenchmarkCase] {
        let convs: [(name: String, geometry: ConvGeometry)] = [
            ("conv_1_16_96_k3", cube(1, 16, 96, k: 3, s: 1)), ("conv_16_16_96_k3", cube(16, 16, 96, k: 3, s: 1)),
            ("conv_16_32_96_k3_s2", cube(16, 32, 96, k: 3, s: 2)), ("conv_32_32_48_k3", cube(32, 32, 48, k: 3, s: 1)),
            ("conv_64_64_24_k3", cube(64, 64, 24, k: 3, s: 1)), ("conv_128_128_12_k3", cube(128, 128, 12, k: 3, s: 1)),
            ("conv_256_256_6_k3", cube(256, 256, 6, k: 3, s: 1)), ("conv_32_32_96_k3", cube(32, 32, 96, k: 3, s: 1)),
            ("conv_16_16_96_k5", cube(16, 16, 96, k: 5, s: 1)), ("conv_32_32_48_k5", cube(32, 32, 48, k: 5, s: 1)),
            ("conv_64_64_24_k5", cube(64, 64, 24, k: 5, s: 1)), ("conv_128_128_12_k5", cube(128, 128, 12, k: 5, s: 1)),
            ("conv_256_256_12_k5", cube(256, 256, 12, k: 5, s: 1)),
            ("conv_256_256_6_k5", cube(256, 256, 6, k: 5, s: 1)),
            ("conv_32_2_96_k5", cube(32, 2, 96, k: 5, s: 1)), ("conv_32_2_96_k1", cube(32, 2, 96, k: 1, s: 1)),
            ("conv_1_768_96_k16_s16", cube(1, 768, 96, k: 16, s: 16)),
            ("convt_32_16_48_k3_s2", cube(32, 16, 48, k: 3, s: 2).transposed(outputPadding: [1, 1, 1])),
            ("convt_64_32_24_k3_s2", cube(64, 32, 24, k: 3, s: 2).transposed(outputPadding: [1, 1, 1])),
            ("convt_256_128_12_k2_s2", cube(256, 128, 12, k: 2, s: 2).transposed(outputPadding: [0, 0, 0])),
        ]
        let rows = convs.flatMap { name, geometry in
            let geometry = geometry.batched(batch)
            return [
                row(name, "forward", flops: geometry.flops, bytes: geometry.bytes) {
                    try geometry.layer($0, backward: false)
                },
                row(name, "forward+backward", flops: 3 * geometry.flops, bytes: 3 * geometry.bytes) {
                    try geometry.layer($0, backward: true)
                },
            ]
        }
        return rows + norms(batch: batch) + pointwise(batch: batch)
    }

    private static func cube(_ inputs: Int, _ outputs: Int, _ size: Int, k: Int, s: Int) -> ConvGeometry {
        ConvGeometry(inputs, outputs, [size, size, size], k: k, s: s)
    }

    /// Creates a row whose arrays start at a multiple of 64 elements, as in a pool.
    private static func row(
        _ name: String, _ what: String, flops: Int?, bytes: Int, setup: @escaping OpCase.Setup
    ) -> BenchmarkCase {
        BenchmarkCase(
            name: name, what: what,
            opCase: OpCase("\(name)_\(what)", op: name, flops: flops, bytes: bytes, guardBand: 64, setup: setup))
    }

    /// Benchmark rows for arithmetic and reductions on 96³ voxels with 32 channels, and one row in which 2 channels are
    /// multiplied by one number per voxel.
    private static func pointwise(batch: Int) -> [BenchmarkCase] {
        let whole = Shape(batch: batch, size: Triple(96), channels: 32)
        let (classes, rows) = (
            Shape(batch: batch, size: Triple(96), channels: 2), Shape(batch: batch, size: Triple(96), channels: 1)
        )
        let binaries: [(String, BinaryOp, Shape, Shape)] = [
            ("add_32_96", .add, whole, whole), ("multiply_channels_32_96", .multiply, whole, [32]),
            ("multiply_rows_2_96", .multiply, classes, rows), ("divide_32_96", .divide, whole, whole),
            ("maximum_32_96", .maximum, whole, whole), ("pow_32_96", .power, whole, [1]),
        ]
        let unaries: [(String, UnaryOp)] = [
            ("exp_32_96", .exp), ("log_32_96", .log), ("sqrt_32_96", .sqrt), ("abs_32_96", .abs),
        ]
        return binaries.map { name, op, a, b in
            row(name, "forward", flops: nil, bytes: 4 * (2 * a.count + b.count)) { arrays in
                let (left, right) = (try arrays.input(a, 0.5..<2), try arrays.input(b, 0.5..<2))
                let y = try arrays.output("y", a, .op)
                return { try arrays.backend.binary(op, left, right, into: y) }
            }
        }
            + unaries.map { name, op in
                row(name, "forward", flops: nil, bytes: 8 * whole.count) { arrays in
                    let (x, y) = (try arrays.input(whole, 0.5..<2), try arrays.output("y", whole, .op))
                    return { try arrays.backend.unary(op, x, into: y) }
                }
            }
            + [ReduceOp.sum, .max].map { op in
                row("\(op.rawValue)_32_96", "forward", flops: nil, bytes: 4 * whole.count) { arrays in
                    let (x, y) = (try arrays.input(whole), try arrays.output("y", [batch, 32], .longReduction))
                    return {
                        try arrays.backend.reduce(op, x, outer: batch, inner: 32, into: y, accumulate: false)
                    }
                }
            }
    }

    /// Benchmark rows for normalisation and PReLU on 96³ voxels with 32 channels, as in two of the networks.
    private static func norms(batch: Int) -> [BenchmarkCase] {
        let shape = Shape(batch: batch, size: Triple(96), channels: 32)
        let prelu = ActivationCase(name: "prelu", activation: .prelu, slopePerChannel: false)
        let cases = [
            (
                "instance_norm_prelu_32_96",
                FusedNormCase(
                    norm: NormCase.kinds(shape)[1], activation: prelu, dropout: .none, residual: .none,
                    probability: 0.1, affine: false)
            ),
            (
                "batch_norm_dropout_prelu_32_96",
                FusedNormCase(
                    norm: NormCase.kinds(shape)[0], activation: prelu, dropout: .elements, residual: .none,
                    probability: 0.1, affine: true)
            ),
        ]
        return cases.flatMap { name, item in
            [
                row(name, "forward", flops: nil, bytes: 12 * shape.count) {
                    try normalization(item, $0, backward: false)
                },
                row(name, "forward+backward", flops: nil, bytes: 32 * shape.count) {
                    try normalization(item, $0, backward: true)
                },
            ]
        }
    }

    private static func normalization(
        _ item: FusedNormCase, _ arrays: OpArrays, backward: Bool
    ) throws -> () throws -> Void {
        let shape = item.norm.shape
        let operands = try item.operands(arrays)
        let tolerance = Tolerance.reduction(terms: item.norm.terms)
        let y = try arrays.output("y", shape, tolerance)
        guard backward else { return { try item.forward(arrays.backend, operands, into: y) } }
        let upstream = try arrays.upstream(shape)
        let gradients = NormGradients(
            x: try arrays.output("gx", shape, tolerance), accumulate: false, weight: nil, bias: nil, slope: nil,
            residualBefore: nil)
        return {
            try item.forward(arrays.backend, operands, into: y)
            try item.backward(arrays.backend, operands, upstream: upstream, into: gradients)
        }
    }
}
