import SegBackend
import SegCore
import SegReference
import Testing

/// Compares the reference with PyTorch and MONAI in float64.
@Suite struct GoldenTests {
    private let arrays = ReferenceArrays()
    private var backend: ReferenceBackend { arrays.backend }

    @Test func everyOpWasRecorded() throws {
        #expect(try Golden.all.get().count == 100)
    }

    @Test(arguments: Golden.names("conv"))
    func convolution(_ name: String) throws {
        let golden = try Golden.named(name)
        let transposed = name.hasPrefix("convTranspose3d")
        let (x, weight, upstream) = (
            try golden.load("x", arrays), try golden.load("weight", arrays), try golden.load("upstream", arrays)
        )
        let bias = try golden.load("bias", arrays)
        let y = try golden.empty("y", arrays)
        let gx = try golden.empty("gx", arrays)
        let gw = try golden.empty("gweight", arrays)
        let params = try golden.conv
        if transposed {
            try backend.convTranspose3d(x, weight: weight, bias: bias, params, into: y, accumulate: false)
            try backend.conv3d(upstream, weight: weight, bias: nil, params, into: gx, accumulate: false)
            try backend.conv3dBackwardWeight(upstream, upstream: x, params, into: gw, accumulate: false)
        } else {
            try backend.conv3d(x, weight: weight, bias: bias, params, into: y, accumulate: false)
            try backend.convTranspose3d(upstream, weight: weight, bias: nil, params, into: gx, accumulate: false)
            try backend.conv3dBackwardWeight(x, upstream: upstream, params, into: gw, accumulate: false)
        }
        let gb = try golden.empty("gbias", arrays)
        try backend.reduce(.sum, upstream, outer: 1, inner: gb.count, into: gb, accumulate: false)
        try golden.expect(y, is: "y", arrays)
        try golden.expect(gx, is: "gx", arrays)
        try golden.expect(gw, is: "gweight", arrays)
        try golden.expect(gb, is: "gbias", arrays)
    }

    @Test(arguments: [
        ("batch", NormParams.Kind.batch), ("instance", .instance), ("group", .group(2)), ("layer", .layer),
    ])
    func normalization(_ name: String, _ kind: NormParams.Kind) throws {
        let golden = try Golden.named("norm_\(name)")
        let params = NormParams(kind: kind, epsilon: Float(try golden.number("epsilon")))
        let (x, weight, bias) = (
            try golden.load("x", arrays), try golden.load("weight", arrays), try golden.load("bias", arrays)
        )
        let mean = try arrays.empty(params.statisticsShape(of: x.shape))
        let variance = try arrays.empty(mean.shape)
        let y = try golden.empty("y", arrays)
        try backend.normStatistics(x, params, into: mean, variance)
        try backend.normalize(x, mean: mean, variance: variance, weight: weight, bias: bias, params, into: y)
        let gradients = NormGradients(
            x: try golden.empty("gx", arrays), accumulate: false, weight: try golden.zeros("gweight", arrays),
            bias: try golden.zeros("gbias", arrays), slope: nil, residualBefore: nil)
        try backend.normalizeBackward(
            x, upstream: try golden.load("upstream", arrays), mean: mean, variance: variance, weight: weight, params,
            into: gradients)
        try golden.expect(y, is: "y", arrays)
        try golden.expect(gradients.x, is: "gx", arrays)
        try golden.expect(try #require(gradients.weight), is: "gweight", arrays)
        try golden.expect(try #require(gradients.bias), is: "gbias", arrays)
    }

    @Test(arguments: [
        ("relu", Activation.relu), ("leakyrelu", .leakyReLU(slope: 0.125)), ("elu", .elu(alpha: 1.25)),
        ("gelu", .gelu), ("sigmoid", .sigmoid), ("silu", .silu(alpha: 1.25)), ("prelu", .prelu),
        ("prelu_channels", .prelu),
    ])
    func activation(_ name: String, _ activation: Activation) throws {
        let golden = try Golden.named("activation_\(name)")
        let (x, upstream) = (try golden.load("x", arrays), try golden.load("upstream", arrays))
        let slope = activation == .prelu ? try golden.load("slope", arrays) : nil
        let slopeGradient = activation == .prelu ? try golden.zeros("gslope", arrays) : nil
        let (y, gx) = (try golden.empty("y", arrays), try golden.empty("gx", arrays))
        try backend.activate(x, activation, slope: slope, into: y)
        try backend.activateBackward(
            x, upstream: upstream, activation, slope: slope, into: gx, slopeGradient: slopeGradient,
            accumulate: false)
        try golden.expect(y, is: "y", arrays)
        try golden.expect(gx, is: "gx", arrays)
        if let slopeGradient { try golden.expect(slopeGradient, is: "gslope", arrays) }
    }

    @Test func softmax() throws {
        let golden = try Golden.named("activation_softmax")
        let (y, gx) = (try golden.empty("y", arrays), try golden.empty("gx", arrays))
        try backend.softmax(try golden.load("x", arrays), into: y)
        try backend.softmaxBackward(y, upstream: try golden.load("upstream", arrays), into: gx, accumulate: false)
        try golden.expect(y, is: "y", arrays)
        try golden.expect(gx, is: "gx", arrays)
    }

    @Test(arguments: [
        ("nearest", Resample3dParams(mode: .nearest, alignCorners: false)),
        ("trilinear", Resample3dParams(mode: .trilinear, alignCorners: false)),
        ("trilinear_align", Resample3dParams(mode: .trilinear, alignCorners: true)),
    ])
    func resample(_ name: String, _ params: Resample3dParams) throws {
        let golden = try Golden.named("resample3d_\(name)")
        let (y, gx) = (try golden.empty("y", arrays), try golden.empty("gx", arrays))
        try backend.resample3d(try golden.load("x", arrays), params, into: y)
        try backend.resample3dBackward(
            upstream: try golden.load("upstream", arrays), params, into: gx, accumulate: false)
        try golden.expect(y, is: "y", arrays)
        try golden.expect(gx, is: "gx", arrays)
    }

    @Test func maxPool() throws {
        let golden = try Golden.named("maxPool3d")
        let params = Pool3dParams(
            kernel: try golden.triple("kernel"), stride: try golden.triple("stride"),
            padding: try golden.triple("padding"))
        let (y, gx) = (try golden.empty("y", arrays), try golden.empty("gx", arrays))
        let indices = try backend.allocate(y.shape, .i32)
        try backend.maxPool3d(try golden.load("x", arrays), params, into: y, indices: indices)
        try backend.maxPool3dBackward(
            upstream: try golden.load("upstream", arrays), indices: indices, params, into: gx, accumulate: false)
        try golden.expect(y, is: "y", arrays)
        try golden.expect(indices, is: "indices", arrays)
        try golden.expect(gx, is: "gx", arrays)
    }

    @Test func attention() throws {
        let golden = try Golden.named("attention")
        let inputs = try ["q", "k", "v", "upstream"].map { try golden.load($0, arrays) }
        let outputs = try ["y", "logSumExp", "gq", "gk", "gv"].map { try golden.empty($0, arrays) }
        let scale = Float(try golden.number("scale"))
        try backend.attention(
            inputs[0], inputs[1], inputs[2], scale: scale, into: outputs[0], logSumExp: outputs[1])
        try backend.attentionBackward(
            inputs[0], inputs[1], inputs[2], output: outputs[0], logSumExp: outputs[1], upstream: inputs[3],
            scale: scale, into: outputs[2], outputs[3], outputs[4])
        for (output, name) in zip(outputs, ["y", "logSumExp", "gq", "gk", "gv"]) {
            try golden.expect(output, is: name, arrays)
        }
    }

    @Test func matmul() throws {
        let golden = try Golden.named("matmul")
        let c = try golden.load("c", arrays)
        let params = MatmulParams(transposeA: false, transposeB: true, alpha: 0.5, beta: -0.25)
        try backend.matmul(
            try golden.load("a", arrays), try golden.load("b", arrays), bias: try golden.load("bias", arrays), params,
            into: c)
        try golden.expect(c, is: "y", arrays)
    }
}
