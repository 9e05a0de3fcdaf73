import SegBackend
import SegCore
import SegReference
import SegTensor
import Testing

/// A function of tensors whose gradients are checked by central differences in Double.
struct GradientCase: CustomTestStringConvertible, Sendable {
    let name: String
    let shapes: [Shape]
    let function: @Sendable ([Tensor]) throws -> Tensor

    var testDescription: String { name }
}

/// Values in ±1 at a distance from 0, where ReLU and similar functions have a kink.
private func values(_ shape: Shape, stream: UInt32) -> [Double] {
    (0..<shape.count).map { index in
        let word = Philox4x32.words(counter: (UInt32(index), stream, 0, 0), key: (1, 2)).0
        let value = Double(word) / 4_294_967_296 * 2 - 1
        return value + (value < 0 ? -0.05 : 0.05)
    }
}

private func geometry(_ k: [Int], _ s: [Int], _ p: [Int], _ d: [Int], groups: Int) -> Conv3dParams {
    Conv3dParams(kernel: Triple(k), stride: Triple(s), padding: Triple(p), dilation: Triple(d), groups: groups)
}

private func norm(_ kind: NormParams.Kind, _ change: @escaping @Sendable (inout NormFollowers, [Tensor]) -> Void)
    -> @Sendable ([Tensor]) throws -> Tensor
{
    { inputs in
        var followers = NormFollowers()
        change(&followers, inputs)
        return try normActivate(
            inputs[0], weight: inputs[1], bias: inputs[2], statistics: .ofInput, NormParams(kind: kind, epsilon: 1e-5),
            followers
        ).output
    }
}

private let dropoutParams = DropoutParams(probability: 0.3, seed: 5, layer: 1, pass: 2, channelwise: false)

private let cases: [GradientCase] = [
    GradientCase(name: "conv3d grouped, dilated, anisotropic", shapes: [[2, 5, 4, 7, 4], [6, 2, 3, 2, 3], [6]]) {
        try conv3d(
            $0[0], weight: $0[1], bias: $0[2], geometry([3, 2, 3], [2, 1, 3], [1, 0, 2], [1, 2, 2], groups: 2))
    },
    GradientCase(name: "convTranspose3d with output padding", shapes: [[1, 3, 2, 4, 3], [3, 2, 3, 2, 3], [2]]) {
        try convTranspose3d(
            $0[0], weight: $0[1], bias: $0[2], geometry([3, 2, 3], [2, 3, 1], [1, 0, 1], [1, 1, 2], groups: 1),
            outputPadding: Triple(1, 2, 0))
    },
    GradientCase(
        name: "batch norm, dropout, PReLU, residual after",
        shapes: [[2, 2, 3, 2, 3], [3], [3], [1], [2, 2, 3, 2, 3]],
        function: norm(.batch) { followers, inputs in
            followers.dropout = dropoutParams
            followers.activation = .prelu
            followers.slope = inputs[3]
            followers.residualAfter = inputs[4]
        }),
    GradientCase(
        name: "instance norm, leaky ReLU, residual before", shapes: [[2, 2, 3, 2, 3], [3], [3], [2, 2, 3, 2, 3]],
        function: norm(.instance) { followers, inputs in
            followers.activation = .leakyReLU(slope: 0.1)
            followers.residualBefore = inputs[3]
        }),
    GradientCase(
        name: "group norm, ELU", shapes: [[2, 2, 3, 2, 6], [6], [6]],
        function: norm(.group(3)) { followers, _ in
            followers.activation = .elu(alpha: 1)
        }),
    GradientCase(name: "layer norm", shapes: [[2, 4, 5], [5], [5]], function: norm(.layer) { _, _ in }),
    GradientCase(name: "PReLU with a slope a channel", shapes: [[2, 3, 4], [4]]) {
        try activate($0[0], .prelu, slope: $0[1])
    },
    GradientCase(name: "GELU", shapes: [[3, 7]]) { try activate($0[0], .gelu, slope: nil) },
    GradientCase(name: "sigmoid", shapes: [[3, 7]]) { try activate($0[0], .sigmoid, slope: nil) },
    GradientCase(name: "dropout", shapes: [[2, 9, 3]]) { try dropout($0[0], dropoutParams) },
    GradientCase(name: "softmax", shapes: [[3, 5]]) { try softmax($0[0]) },
    GradientCase(name: "add with a repeated bias", shapes: [[2, 3, 4], [3, 4]]) { try add($0[0], $0[1]) },
    GradientCase(name: "add, both repeated", shapes: [[2, 1, 4], [3, 1]]) { try $0[0] + $0[1] },
    GradientCase(name: "subtract, the first repeated", shapes: [[4], [2, 3, 4]]) { try $0[0] - $0[1] },
    GradientCase(name: "multiply along a middle axis", shapes: [[2, 3, 4], [2, 1, 4]]) { try $0[0] * $0[1] },
    GradientCase(name: "divide by rows", shapes: [[5, 3], [5, 1]]) { try $0[0] / $0[1] },
    GradientCase(name: "a tensor times itself", shapes: [[2, 3]]) { try $0[0] * $0[0] },
    GradientCase(name: "maximum with a repeated one", shapes: [[4, 3], [3]]) { try maximum($0[0], $0[1]) },
    GradientCase(name: "minimum of a repeated one", shapes: [[1, 3], [4, 3]]) { try minimum($0[0], $0[1]) },
    GradientCase(name: "power of positive bases", shapes: [[2, 5], [5]]) { try pow(exp($0[0]), $0[1]) },
    GradientCase(name: "power with a number", shapes: [[2, 5]]) { try pow(abs($0[0]), 1.7) + pow($0[0], 2) },
    GradientCase(name: "where", shapes: [[3, 4], [4]]) {
        try select(greater($0[0].detached, $0[1].detached), $0[0] * $0[0], else: 3 * $0[1])
    },
    GradientCase(name: "masked", shapes: [[3, 4]]) {
        try masked(
            $0[0],
            where: less(
                $0[0],
                Tensor(
                    repeating: 0.2, shape: [1], on: $0[0].backend)))
    },
    GradientCase(name: "exp, log, log1p, sqrt", shapes: [[2, 7]]) { inputs in
        let positive = try exp(inputs[0])
        return try log(positive + 1) + log1p(positive) * sqrt(positive)
    },
    GradientCase(name: "reciprocal and abs", shapes: [[2, 7]]) { try reciprocal($0[0]) - abs($0[0]) },
    GradientCase(name: "sum over inner axes", shapes: [[2, 3, 4, 2]]) { try sum($0[0], over: [1, 2]) },
    GradientCase(name: "sum over outer axes, kept", shapes: [[2, 3, 4]]) {
        try sum($0[0], over: [0, 2], keepsAxes: true) * $0[0]
    },
    GradientCase(name: "mean over the last axis", shapes: [[2, 3, 4]]) { try mean($0[0], over: [-1]) },
    GradientCase(name: "max over two axes", shapes: [[2, 3, 4]]) { try max($0[0], over: [0, 1]) },
    GradientCase(name: "mean and max of all", shapes: [[3, 5]]) { try mean($0[0]) + max($0[0]) },
    GradientCase(name: "one tensor used three times", shapes: [[2, 3]]) {
        try add(add($0[0], $0[0]), scale($0[0], by: 3))
    },
    GradientCase(name: "concatenate", shapes: [[2, 3, 2], [2, 3, 1], [2, 3, 4]]) { try concatenate($0) },
    GradientCase(name: "linear", shapes: [[2, 3, 4], [5, 4], [5]]) {
        try linear($0[0], weight: $0[1], bias: $0[2])
    },
    GradientCase(name: "attention", shapes: [[2, 5, 2, 3], [2, 5, 2, 3], [2, 5, 2, 3]]) {
        try attention($0[0], $0[1], $0[2], scale: 0.6)
    },
    GradientCase(name: "fused self-attention", shapes: [[2, 5, 12]]) {
        try selfAttention(qkv: $0[0], heads: 2, scale: 0.6, AttentionWeights())
    },
    GradientCase(name: "self-attention with bias, mask and dropout", shapes: [[4, 3, 12], [2, 3, 3]]) { inputs in
        var weights = AttentionWeights()
        weights.bias = inputs[1]
        weights.mask = try Tensor(
            (0..<18).map { Float($0 % 4 == 1 ? -100 : 0) }, shape: [2, 3, 3], on: inputs[0].backend)
        weights.dropout = dropoutParams
        return try selfAttention(qkv: inputs[0], heads: 2, scale: 0.6, weights)
    },
    GradientCase(name: "window partition, shifted and padded", shapes: [[2, 3, 4, 5, 2]]) {
        try windowPartition($0[0], window: Triple(2, 2, 3), shift: Triple(1, 0, 2))
    },
    GradientCase(name: "window reverse, shifted and padded", shapes: [[16, 12, 2]]) {
        try windowReverse(
            $0[0], size: Triple(3, 4, 5), window: Triple(2, 2, 3), shift: Triple(1, 0, 2))
    },
    GradientCase(name: "crop", shapes: [[3, 4, 5]]) { try crop($0[0], to: [2, 4, 3]) },
    GradientCase(name: "flip", shapes: [[2, 3, 4, 2]]) { try flip($0[0], [1, 2]) },
    GradientCase(name: "transpose columns", shapes: [[5, 3]]) { try transposeColumns($0[0]) },
    GradientCase(name: "toeplitz", shapes: [[2, 5, 3]]) { try toeplitz($0[0]) },
    GradientCase(name: "join corners", shapes: [[2, 4, 2, 6, 3]]) {
        try joinCorners($0[0], [Triple(0), Triple(1, 0, 0), Triple(0, 1, 1)])
    },
    GradientCase(name: "max pool", shapes: [[1, 5, 4, 6, 2]]) {
        try maxPool3d(
            $0[0],
            Pool3dParams(
                kernel: Triple(3, 2, 2), stride: Triple(2, 2, 1), padding: Triple(1, 0, 1)))
    },
    GradientCase(name: "trilinear resample", shapes: [[1, 3, 2, 4, 2]]) {
        try resample3d($0[0], to: Triple(5, 4, 3), Resample3dParams(mode: .trilinear, alignCorners: false))
    },
    GradientCase(name: "reshape and sum", shapes: [[2, 6]]) { try sum(reshape($0[0], [3, 4])) },
]

@Test(arguments: cases)
func gradientsAgreeWithCentralDifferences(_ gradientCase: GradientCase) throws {
    let backend = ReferenceBackend()
    let inputs = try gradientCase.shapes.enumerated().map { index, shape in
        try Tensor(values(shape, stream: UInt32(index)), shape: shape, on: backend).tracked()
    }
    let output = try gradientCase.function(inputs)
    let upstream = values(output.shape, stream: 99)
    let gradients = try output.gradients(upstream: Tensor(upstream, shape: output.shape, on: backend))

    func weighted(_ changed: [[Double]]) throws -> Double {
        let tensors = try zip(changed, gradientCase.shapes).map { try Tensor($0, shape: $1, on: backend) }
        return zip(try gradientCase.function(tensors).doubles(), upstream).map(*).reduce(0, +)
    }
    let start = gradientCase.shapes.enumerated().map { values($1, stream: UInt32($0)) }
    for (index, input) in inputs.enumerated() {
        let analytic = try #require(gradients[input]).doubles()
        for element in stride(from: 0, to: input.shape.count, by: max(1, input.shape.count / 23)) {
            let step = 1e-6
            var (up, down) = (start, start)
            up[index][element] += step
            down[index][element] -= step
            let numeric = (try weighted(up) - weighted(down)) / (2 * step)
            #expect(
                abs(numeric - analytic[element]) < 1e-6 * max(1, abs(numeric)),
                "input \(index), element \(element): numeric \(numeric), analytic \(analytic[element])")
        }
    }
}

@Test(arguments: [DiceCEParams.Probabilities.softmax, .sigmoid, .identity])
func lossGradientAgreesWithCentralDifferences(_ probabilities: DiceCEParams.Probabilities) throws {
    let backend = ReferenceBackend()
    var params = DiceCEParams()
    params.probabilities = probabilities
    params.lambdaCE = 0.7
    params.classWeights = [0.5, 1, 2]
    let shape: Shape = [2, 2, 3, 2, 3]
    let labels = try Tensor(labels: (0..<24).map { Int32($0 * 7 % 3) }, shape: [2, 2, 3, 2], on: backend)
    let start = values(shape, stream: 0)
    let logits = try Tensor(start, shape: shape, on: backend).tracked()
    let analytic = try #require(diceCELoss(logits, labels: labels, params).gradients(upstream: nil)[logits]).doubles()
    for element in 0..<shape.count {
        let losses = try [1e-6, -1e-6].map { step in
            var changed = start
            changed[element] += step
            return try diceCELoss(Tensor(changed, shape: shape, on: backend), labels: labels, params).item()
        }
        #expect(abs((losses[0] - losses[1]) / 2e-6 - analytic[element]) < 1e-6)
    }
}
