import SegBackend
import SegCore

/// The sizes of one convolution or transposed convolution, from which its cases and their names are derived.
struct ConvGeometry {
    var batch = 1
    var inputs: Int
    var outputs: Int
    /// The size of the input, for both kinds of convolution.
    var size: Triple
    var params: Conv3dParams
    var outputPadding = Triple(0)
    var transposed = false

    /// Creates a cubic kernel, padded to keep the size at stride 1; an even kernel has no padding.
    init(_ inputs: Int, _ outputs: Int, _ size: [Int], k: Int, s: Int) {
        self.init(
            inputs, outputs, size, k: [k, k, k], s: [s, s, s], p: [Int](repeating: k % 2 == 1 ? k / 2 : 0, count: 3),
            d: [1, 1, 1], g: 1)
    }

    init(_ inputs: Int, _ outputs: Int, _ size: [Int], k: [Int], s: [Int], p: [Int], d: [Int], g: Int) {
        self.inputs = inputs
        self.outputs = outputs
        self.size = Triple(size)
        params = Conv3dParams(
            kernel: Triple(k), stride: Triple(s), padding: Triple(p), dilation: Triple(d), groups: g)
    }

    /// The same sizes with several samples.
    func batched(_ count: Int) -> ConvGeometry {
        var copy = self
        copy.batch = count
        return copy
    }

    /// The transposed convolution with the same numbers.
    func transposed(outputPadding: [Int]) -> ConvGeometry {
        var copy = self
        copy.transposed = true
        copy.outputPadding = Triple(outputPadding)
        return copy
    }

    var input: Shape { Shape(batch: batch, size: size, channels: inputs) }

    var output: Shape {
        let extents =
            transposed
            ? params.transposedOutputSize(of: size, outputPadding: outputPadding) : params.outputSize(of: size)
        return Shape(batch: batch, size: extents, channels: outputs)
    }

    var weight: Shape {
        let (first, second) = transposed ? (inputs, outputs) : (outputs, inputs)
        return Shape([first, second / params.groups] + params.kernel.array)
    }

    /// The outputs that the CPU can compute by Winograd's algorithm for a stride: y if the number of input channels is a
    /// multiple of 16, gx if the number of output channels is a multiple of 16, and gw if both numbers are.
    func winogradOutputs(stride: Int) -> Set<String> {
        let plain = Triple(1)
        guard params.kernel == Triple(params.kernel.d), params.stride == Triple(stride), params.dilation == plain,
            params.groups == 1, stride == 1 || params.padding == plain
        else { return [] }
        let (fromInputs, fromOutputs) = (inputs % 16 == 0, outputs % 16 == 0)
        return Set(
            (fromInputs ? ["y"] : []) + (fromOutputs ? ["gx"] : []) + (fromInputs && fromOutputs ? ["gw"] : []))
    }

    /// The operations of the forward op, counted as in the benchmarks: taps in the padding are included.
    var flops: Int {
        let (coarse, fine) = transposed ? (input, output) : (output, input)
        return 2 * params.multiplyAdds(coarse: coarse, fine: fine)
    }

    /// The bytes of input, weight and output in f32.
    var bytes: Int { 4 * (input.count + weight.count + output.count) }

    /// The tolerance of the weight's gradient, which is a sum over the coarse positions.
    var weightTolerance: Tolerance {
        let terms = (transposed ? input : output).rows
        return Tolerance.reduction(terms: terms)
    }

    /// The name, such as `16to32_9x7x5_k3_s2`, with a suffix for each parameter that is not the default.
    var name: String {
        func short(_ t: Triple) -> String { t == Triple(t.d) ? "\(t.d)" : "\(t.d)x\(t.h)x\(t.w)" }
        var name = "\(inputs)to\(outputs)_\(size.d)x\(size.h)x\(size.w)_k\(short(params.kernel))"
        if params.stride != Triple(1) { name += "_s\(short(params.stride))" }
        if params.padding != params.kernel.zip(params.kernel, { k, _ in k % 2 == 1 ? k / 2 : 0 }) {
            name += "_p\(short(params.padding))"
        }
        if params.dilation != Triple(1) { name += "_d\(short(params.dilation))" }
        if outputPadding != Triple(0) { name += "_op\(short(outputPadding))" }
        if params.groups > 1 { name += "_g\(params.groups)" }
        if batch > 1 { name += "_b\(batch)" }
        return name
    }
}

// MARK: Cases of a geometry

extension ConvGeometry {
    private var op: String { transposed ? "convTranspose3d" : "conv3d" }

    /// Cases of the forward op and of the gradients for x and for the weight, each overwriting and accumulating.
    var cases: [OpCase] {
        [
            forward(bias: true, accumulate: false), forward(bias: false, accumulate: true),
            backwardData(accumulate: false), backwardData(accumulate: true),
            backwardWeight(accumulate: false), backwardWeight(accumulate: true),
        ]
    }

    /// A case that computes the forward op and all gradients.
    var layerCase: OpCase {
        OpCase("\(op)_layer_\(name)", op: op, flops: 3 * flops, bytes: 3 * bytes) {
            try layer($0, backward: true)
        }
    }

    func forward(bias: Bool, accumulate: Bool) -> OpCase {
        let suffix = (bias ? "" : "_nobias") + (accumulate ? "_accumulate" : "")
        return OpCase("\(op)_\(name)\(suffix)", op: op, flops: flops, bytes: bytes) { arrays in
            let x = try arrays.input(input)
            let weight = try arrays.input(weight)
            let bias = bias ? try arrays.input([outputs]) : nil
            let y = try arrays.output("y", output, accumulate: accumulate, .op)
            return {
                try apply(arrays.backend, x, weight: weight, bias: bias, into: y, accumulate: accumulate)
            }
        }
    }

    func backwardData(accumulate: Bool) -> OpCase {
        let suffix = accumulate ? "_accumulate" : ""
        return OpCase("\(op)_backwardData_\(name)\(suffix)", op: op, flops: flops, bytes: bytes) { arrays in
            let upstream = try arrays.input(output)
            let weight = try arrays.input(weight)
            let gx = try arrays.output("gx", input, accumulate: accumulate, .op)
            return { try applyTransposed(arrays.backend, upstream, weight: weight, into: gx, accumulate: accumulate) }
        }
    }

    func backwardWeight(accumulate: Bool) -> OpCase {
        let suffix = accumulate ? "_accumulate" : ""
        return OpCase("\(op)_backwardWeight_\(name)\(suffix)", op: op, flops: flops, bytes: bytes) { arrays in
            let x = try arrays.input(input)
            let upstream = try arrays.upstream(output)
            let gw = try arrays.output("gw", weight, accumulate: accumulate, weightTolerance)
            return {
                try applyBackwardWeight(arrays.backend, x, upstream: upstream, into: gw, accumulate: accumulate)
            }
        }
    }

    func apply(
        _ backend: any Backend, _ x: BufferView, weight: BufferView, bias: BufferView?, into y: BufferView,
        accumulate: Bool
    ) throws {
        if transposed {
            try backend.convTranspose3d(x, weight: weight, bias: bias, params, into: y, accumulate: accumulate)
        } else {
            try backend.conv3d(x, weight: weight, bias: bias, params, into: y, accumulate: accumulate)
        }
    }

    /// Computes the gradient for x, with the same weights: a transposed convolution for a convolution, and vice versa.
    func applyTransposed(
        _ backend: any Backend, _ upstream: BufferView, weight: BufferView, into gx: BufferView, accumulate: Bool
    ) throws {
        var other = self
        other.transposed.toggle()
        try other.apply(backend, upstream, weight: weight, bias: nil, into: gx, accumulate: accumulate)
    }

    /// Computes the gradient for the weight; for a transposed convolution x and upstream are swapped.
    func applyBackwardWeight(
        _ backend: any Backend, _ x: BufferView, upstream: BufferView, into gw: BufferView, accumulate: Bool
    ) throws {
        let (fine, coarse) = transposed ? (upstream, x) : (x, upstream)
        try backend.conv3dBackwardWeight(fine, upstream: coarse, params, into: gw, accumulate: accumulate)
    }

    /// Computes y, and with `backward` the gradients of x, weight and bias, as in a training step.
    func layer(_ arrays: OpArrays, backward: Bool) throws -> () throws -> Void {
        let backend = arrays.backend
        let x = try arrays.input(input)
        let weight = try arrays.input(weight, -0.05..<0.05)
        let bias = try arrays.input([outputs])
        let y = try arrays.output("y", output, .op)
        let forward = { try apply(backend, x, weight: weight, bias: bias, into: y, accumulate: false) }
        guard backward else { return forward }
        let upstream = try arrays.upstream(output)
        let gx = try arrays.output("gx", input, .op)
        let gw = try arrays.output("gw", self.weight, weightTolerance)
        let gb = try arrays.output("gb", [outputs], .reduction(terms: output.rows))
        try arrays.differentiate(y, upstream: upstream, [(x, gx), (weight, gw), (bias, gb)])
        return {
            try forward()
            try applyTransposed(backend, upstream, weight: weight, into: gx, accumulate: false)
            try applyBackwardWeight(backend, x, upstream: upstream, into: gw, accumulate: false)
            try backend.reduce(.sum, upstream, outer: 1, inner: outputs, into: gb, accumulate: false)
        }
    }
}
