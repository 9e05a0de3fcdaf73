internal import SegBackend
internal import SegCore
internal import SegTensor

// The translation of each recorded op to nodes. The tensor function with the op's name documents the op.
extension ONNXTranslation {
    /// Adds an op's nodes.
    /// - Throws: `Refusal` if ONNX, or this translation, has no nodes for it.
    mutating func translate(_ entry: OpRecording.Entry) throws {
        let (operands, y) = (entry.operands, entry.result)
        func operand(_ index: Int) throws -> BufferView {
            guard index < operands.count, let view = operands[index] else {
                throw Refusal(reason: "'\(entry.name)' lacks an operand")
            }
            return view
        }
        func optional(_ index: Int) -> BufferView? { index < operands.count ? operands[index] : nil }
        switch entry.op {
        case .constant(let values): setConstant(y, values)
        case .conv3d(let params):
            try convolution("Conv", operand(0), operand(1), bias: optional(2), geometry(params), into: y)
        case .convTranspose3d(let params, let outputPadding):
            try convolution(
                "ConvTranspose", operand(0), operand(1), bias: optional(2),
                geometry(params) + [.ints("output_padding", outputPadding.array)], into: y)
        case .linear: try linear(operand(0), weight: operand(1), bias: optional(2), into: y)
        case .normActivate(let params, let activation):
            try norm(operand(0), (1..<8).map(optional), params, activation, into: y)
        case .activate(let kind):
            let axes = kind == .prelu ? volumeAxes(try operand(0)) : cheapestAxes([try operand(0)])
            let activated = try activation(kind, value(operand(0), axes), slope: optional(1), axes)
            set(y, axes, activated)
        case .add:
            let axes = cheapestAxes([try operand(0), try operand(1)])
            set(y, axes, graph.node("Add", [try value(operand(0), axes), try value(operand(1), axes)]))
        case .multiply:
            let axes = cheapestAxes([try operand(0), try operand(1)])
            set(y, axes, graph.node("Mul", [try value(operand(0), axes), try value(operand(1), axes)]))
        case .maxPool3d(let params):
            let geometry: [ONNXAttribute] = [
                .ints("kernel_shape", params.kernel.array), .ints("strides", params.stride.array),
                .ints("pads", params.padding.array + params.padding.array),
            ]
            set(y, .channelsFirst, graph.node("MaxPool", [try value(operand(0), .channelsFirst)], geometry))
        case .concatenate:
            let views = try operands.indices.map(operand)
            let axes = cheapestAxes(views)
            let parts = try views.map { try value($0, axes) }
            set(y, axes, graph.node("Concat", parts, [.int("axis", axes == .channelsFirst ? 1 : -1)]))
        case .reshape: set(y, .channelsLast, reshape(try asIs(operand(0)), y.shape))
        case .resample3d(let params): try resample(operand(0), params, into: y)
        case .transposeColumns: set(y, .channelsLast, transpose(try asIs(operand(0)), [1, 0]))
        case .crop: try crop(operand(0), into: y)
        case .toeplitz: try toeplitz(operand(0), into: y)
        case .joinCorners(let corners): try joinCorners(operand(0), corners, into: y)
        case .windowPartition(let window, let shift): try partition(operand(0), window, shift, into: y)
        case .windowReverse(let window, let shift): try reverse(operand(0), window, shift, into: y)
        case .regionMask(let regions): mask(regions, into: y)
        case .selfAttention(let heads, let scale):
            try attention(operand(0), heads: heads, scale: scale, bias: optional(1), mask: optional(2), into: y)
        case nil: throw Refusal(reason: "the op '\(entry.name)' has no counterpart")
        }
    }

    /// Adds a reshape. The first axis is inferred from the others, so the graph is valid for any batch size.
    mutating func reshape(_ x: ONNXValue, _ shape: Shape) -> ONNXValue {
        graph.node("Reshape", [x, graph.integers([-1] + shape.dimensions.dropFirst())])
    }

    /// Adds a transposition of the axes.
    mutating func transpose(_ x: ONNXValue, _ order: [Int]) -> ONNXValue {
        graph.node("Transpose", [x], [.ints("perm", order)])
    }

    /// Returns the axis order in which one slope per channel broadcasts.
    private func volumeAxes(_ view: BufferView) -> Axes { view.shape.rank == 5 ? .channelsFirst : .channelsLast }

    private func geometry(_ params: Conv3dParams) -> [ONNXAttribute] {
        [
            .ints("kernel_shape", params.kernel.array), .ints("strides", params.stride.array),
            .ints("pads", params.padding.array + params.padding.array),
            .ints("dilations", params.dilation.array), .int("group", params.groups),
        ]
    }

    private mutating func convolution(
        _ op: String, _ x: BufferView, _ weight: BufferView, bias: BufferView?, _ geometry: [ONNXAttribute],
        into y: BufferView
    ) throws {
        var inputs = [try value(x, .channelsFirst), try leaf(weight, shape: weight.shape.dimensions)]
        if let bias { inputs.append(try leaf(bias, shape: bias.shape.dimensions)) }
        set(y, .channelsFirst, graph.node(op, inputs, geometry))
    }

    /// Adds a product with the transposed weight, which stays `[out, in]` in the file. The product of a volume with a
    /// constant, such as a repetition of channels, is a 1³ convolution, which needs no transposition.
    private mutating func linear(
        _ x: BufferView, weight: BufferView, bias: BufferView?, into y: BufferView
    ) throws {
        if isConstant(weight), bias == nil, cheapestAxes([x]) == .channelsFirst {
            let one = Conv3dParams(
                kernel: Triple(1), stride: Triple(1), padding: Triple(0), dilation: Triple(1), groups: 1)
            let inputs = [
                try value(x, .channelsFirst), try leaf(weight, shape: weight.shape.dimensions + [1, 1, 1]),
            ]
            return set(y, .channelsFirst, graph.node("Conv", inputs, geometry(one)))
        }
        let factor = transpose(try asIs(weight), [1, 0])
        let product = graph.node("MatMul", [try asIs(x), factor])
        set(y, .channelsLast, try bias.map { graph.node("Add", [product, try asIs($0)]) } ?? product)
    }

    /// - Parameter operands: The weight, bias, slope, residual before and residual after the activation, and the given
    ///   mean and variance; nil if absent.
    private mutating func norm(
        _ x: BufferView, _ operands: [BufferView?], _ params: NormParams, _ kind: Activation, into y: BufferView
    ) throws {
        let axes: Axes = params.kind == .layer ? .channelsLast : .channelsFirst
        let channels = x.shape.channels
        func affine(_ view: BufferView?, _ constant: Float, _ name: String) throws -> ONNXValue {
            if let view { return try leaf(view, shape: [channels]) }
            let values = [Float](repeating: constant, count: channels)
            return graph.floats("\(name)_\(channels)", values, shape: [channels])
        }
        let input = try value(x, axes)
        let inputs = [input, try affine(operands[0], 1, "ones"), try affine(operands[1], 0, "zeros")]
        let epsilon = ONNXAttribute.float("epsilon", params.epsilon)
        var result: ONNXValue
        switch (params.kind, operands[5], operands[6]) {
        case (.batch, let mean?, let variance?):
            let kept = [try leaf(mean, shape: [channels]), try leaf(variance, shape: [channels])]
            result = graph.node("BatchNormalization", inputs + kept, [epsilon])
        case (.instance, nil, nil): result = graph.node("InstanceNormalization", inputs, [epsilon])
        case (.group(let groups), nil, nil):
            result = graph.node("GroupNormalization", inputs, [epsilon, .int("num_groups", groups)])
        case (.layer, nil, nil):
            result = graph.node("LayerNormalization", inputs, [.int("axis", -1), epsilon])
        default: throw Refusal(reason: "a norm of this kind has statistics that ONNX does not support")
        }
        if let before = operands[3] { result = graph.node("Add", [result, try value(before, axes)]) }
        result = try activation(kind, result, slope: operands[2], axes)
        if let after = operands[4] { result = graph.node("Add", [result, try value(after, axes)]) }
        set(y, axes, result)
    }

    /// Adds an activation; PReLU has one slope, or one per channel.
    private mutating func activation(
        _ kind: Activation, _ x: ONNXValue, slope: BufferView?, _ axes: Axes
    ) throws -> ONNXValue {
        switch (kind, slope) {
        case (.identity, _): return x
        case (.relu, _): return graph.node("Relu", [x])
        case (.leakyReLU(let slope), _): return graph.node("LeakyRelu", [x], [.float("alpha", slope)])
        case (.elu(let alpha), _): return graph.node("Elu", [x], [.float("alpha", alpha)])
        case (.gelu, _): return graph.node("Gelu", [x])
        case (.sigmoid, _): return graph.node("Sigmoid", [x])
        case (.silu(let alpha), _):
            let factor = graph.floats("silu_\(alpha)", [alpha], shape: [1])
            return graph.node("Mul", [x, graph.node("Sigmoid", [graph.node("Mul", [x, factor])])])
        case (.prelu, let slope?):
            let spread = axes == .channelsFirst ? [slope.count, 1, 1, 1] : [slope.count]
            return graph.node("PRelu", [x, try leaf(slope, shape: spread)])
        case (.prelu, nil): throw Refusal(reason: "a PReLU lacks its slopes")
        }
    }

    /// Adds trilinear interpolation to a multiple of the size or, with aligned corners, also to a whole fraction of it.
    private mutating func resample(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws {
        let (from, to) = (x.shape.size, y.shape.size)
        let isWhole = to.zip(from, %) == Triple(0) || (params.alignCorners && from.zip(to, %) == Triple(0))
        guard params.mode == .trilinear, isWhole else {
            throw Refusal(
                reason: "only trilinear resampling by integers or, with aligned corners, their inverses is supported")
        }
        let factors = zip(to.array, from.array).map { Float($0) / Float($1) }
        let scales = graph.floats(
            "scales_" + factors.map(\.description).joined(separator: "_"), [1, 1] + factors, shape: [5])
        let resized = graph.node(
            "Resize", [try value(x, .channelsFirst), .absent, scales],
            [
                .text("mode", "linear"),
                .text("coordinate_transformation_mode", params.alignCorners ? "align_corners" : "half_pixel"),
            ])
        set(y, .channelsFirst, resized)
    }
}
