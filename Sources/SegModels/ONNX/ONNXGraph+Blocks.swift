internal import SegBackend
internal import SegWeights

// The layers and blocks that MONAI's networks share, in inference form: dropout is off, norms take what they keep.
extension ONNXGraph {
    /// A convolution whose arrays are `scope.weight` and, where it has one, `scope.bias`.
    mutating func convolution(_ x: ONNXValue, _ scope: String, _ params: Conv3dParams) throws -> ONNXValue {
        node("Conv", try inputs(x, scope), geometry(params))
    }

    /// A transposed convolution.
    mutating func transposedConvolution(
        _ x: ONNXValue, _ scope: String, _ params: Conv3dParams, outputPadding: Triple
    ) throws -> ONNXValue {
        node(
            "ConvTranspose", try inputs(x, scope),
            geometry(params) + [.ints("output_padding", outputPadding.array)])
    }

    private mutating func inputs(_ x: ONNXValue, _ scope: String) throws -> [ONNXValue] {
        var inputs = [x, try parameter(scope + ".weight")]
        if state[scope + ".bias"] != nil { inputs.append(try parameter(scope + ".bias")) }
        return inputs
    }

    private func geometry(_ params: Conv3dParams) -> [ONNXAttribute] {
        [
            .ints("kernel_shape", params.kernel.array), .ints("strides", params.stride.array),
            .ints("pads", params.padding.array + params.padding.array),
            .ints("dilations", params.dilation.array), .int("group", params.groups),
        ]
    }

    /// A normalisation over the channels of `[N, C, D, H, W]`; one without scale and shift gets ones and zeros.
    mutating func norm(
        _ x: ONNXValue, _ scope: String, channels: Int, _ option: BlockOptions.NormOption
    ) throws -> ONNXValue {
        let scale = try affine(scope + ".weight", constant: 1, channels, option)
        let shift = try affine(scope + ".bias", constant: 0, channels, option)
        let epsilon = ONNXAttribute.float("epsilon", option.params.epsilon)
        switch option.params.kind {
        case .batch:
            let kept = [try parameter(scope + ".running_mean"), try parameter(scope + ".running_var")]
            return node("BatchNormalization", [x, scale, shift] + kept, [epsilon])
        case .instance: return node("InstanceNormalization", [x, scale, shift], [epsilon])
        case .group(let groups):
            return node("GroupNormalization", [x, scale, shift], [epsilon, .int("num_groups", groups)])
        case .layer: preconditionFailure("a block of convolutions has no layer norm")
        }
    }

    private mutating func affine(
        _ name: String, constant: Float, _ channels: Int, _ option: BlockOptions.NormOption
    ) throws -> ONNXValue {
        if option.affine { return try parameter(name) }
        let values = [Float](repeating: constant, count: channels)
        return array("\(constant == 0 ? "zeros" : "ones")_\(channels)", StoredTensor(values, shape: [channels]))
    }

    /// An activation; PReLU's slopes are `scope.weight`, one or one for each channel.
    mutating func activation(_ x: ONNXValue, _ scope: String, _ activation: Activation) throws -> ONNXValue {
        switch activation {
        case .identity: return x
        case .relu: return node("Relu", [x])
        case .leakyReLU(let slope): return node("LeakyRelu", [x], [.float("alpha", slope)])
        case .elu(let alpha): return node("Elu", [x], [.float("alpha", alpha)])
        case .gelu: return node("Gelu", [x])
        case .sigmoid: return node("Sigmoid", [x])
        case .silu(let alpha):
            let factor = array("silu_\(alpha)", StoredTensor([alpha], shape: [1]))
            return node("Mul", [x, node("Sigmoid", [node("Mul", [x, factor])])])
        case .prelu:
            let name = scope + ".weight"
            return node("PRelu", [x, try parameter(name, shape: [state[name]?.count ?? 1, 1, 1, 1])])
        }
    }

    /// `ADN` without its dropout.
    mutating func adn(
        _ x: ONNXValue, _ scope: String, channels: Int, _ options: BlockOptions
    ) throws -> ONNXValue {
        var y = x
        for letter in options.ordering {
            if letter == "N", let option = options.norm {
                y = try norm(y, scope + ".N", channels: channels, option)
            } else if letter == "A", let option = options.activation {
                y = try activation(y, scope + ".A", option.activation)
            }
        }
        return y
    }

    /// `ConvolutionBlock`.
    mutating func convolutionBlock(
        _ x: ONNXValue, _ scope: String, outputs: Int, _ geometry: BlockGeometry, transposed: Bool = false,
        convOnly: Bool = false, _ options: BlockOptions
    ) throws -> ONNXValue {
        let params = Conv3dParams(
            kernel: geometry.kernel, stride: geometry.stride, padding: geometry.kernel.zip(Triple(2), /),
            dilation: Triple(1), groups: 1)
        let y =
            transposed
            ? try transposedConvolution(
                x, scope + ".conv", params, outputPadding: geometry.stride.zip(Triple(1), -))
            : try convolution(x, scope + ".conv", params)
        return convOnly ? y : try adn(y, scope + ".adn", channels: outputs, options)
    }

    /// `ResidualUnit`.
    mutating func residualUnit(
        _ x: ONNXValue, _ scope: String, inputs: Int, outputs: Int, _ geometry: BlockGeometry, subunits: Int,
        lastConvOnly: Bool, _ options: BlockOptions
    ) throws -> ONNXValue {
        let count = max(subunits, 1)
        var y = x
        for index in 0..<count {
            let own = BlockGeometry(kernel: geometry.kernel, stride: index == 0 ? geometry.stride : Triple(1))
            y = try convolutionBlock(
                y, "\(scope).conv.unit\(index)", outputs: outputs, own, convOnly: lastConvOnly && index == count - 1,
                options)
        }
        let isStrided = geometry.stride.product != 1
        guard isStrided || inputs != outputs else { return node("Add", [y, x]) }
        let kernel = isStrided ? geometry.kernel : Triple(1)
        let params = Conv3dParams(
            kernel: kernel, stride: geometry.stride, padding: kernel.zip(Triple(2), /), dilation: Triple(1), groups: 1)
        return node("Add", [y, try convolution(x, scope + ".residual", params)])
    }
}
