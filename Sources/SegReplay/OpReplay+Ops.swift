internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegTensor

extension OpReplay {
    /// Applies the recorded op to our tensors.
    func apply(_ inputs: [String: Tensor]) throws -> Tensor {
        func input(_ name: String) throws -> Tensor {
            guard let tensor = inputs[name] else {
                throw DataError(.badData, capture.path, key: "in." + name, "is not in the capture")
            }
            return tensor
        }
        let reader = capture.arguments
        switch capture.op {
        case "conv3d":
            return try conv3d(input("input"), weight: input("weight"), bias: inputs["bias"], geometry(input("weight")))
        case "conv_transpose3d":
            return try convTranspose3d(
                input("input"), weight: input("weight"), bias: inputs["bias"], geometry(input("weight")),
                outputPadding: triple("output_padding"))
        case "batch_norm", "instance_norm", "layer_norm":
            let kinds: [String: NormParams.Kind] = [
                "batch_norm": .batch, "instance_norm": .instance, "layer_norm": .layer,
            ]
            let epsilon = Float(try reader.required("eps", reader.double("eps")))
            return try normActivate(
                input("input"), weight: inputs["weight"], bias: inputs["bias"], statistics: .ofInput,
                NormParams(kind: kinds[capture.op] ?? .layer, epsilon: epsilon), NormFollowers()
            ).output
        case "softmax": return try softmax(input("input"))
        case "linear": return try linear(input("input"), weight: input("weight"), bias: inputs["bias"])
        case "scaled_dot_product_attention":
            let q = try input("query")
            return try attention(q, input("key"), input("value"), scale: 1 / Float(q.shape.channels).squareRoot())
        case "max_pool3d":
            return try maxPool3d(
                input("input"),
                Pool3dParams(kernel: triple("kernel_size"), stride: triple("stride"), padding: Triple(0)))
        case "interpolate":
            let x = try input("input")
            return try resample3d(
                x, to: x.shape.size.zip(triple("scale_factor"), *),
                Resample3dParams(mode: .trilinear, alignCorners: try reader.bool("align_corners") ?? false))
        case "dice_loss", "dice_ce_loss":
            return try diceCELoss(input("input"), labels: input("target"), lossParams())
        default:
            guard let activation = Activation.named(capture.op) else {
                throw DataError(.badData, capture.path, key: "op", "'\(capture.op)' is not an op that can be replayed")
            }
            let value = try activation.entry.parameter.flatMap { try reader.double($0.name) }
            return try activate(
                input("input"), value.map { activation.with(parameter: Float($0)) } ?? activation,
                slope: activation == .prelu ? input("weight") : nil)
        }
    }

    private func triple(_ key: String) throws -> Triple {
        let values = try capture.arguments.required(key, capture.arguments.ints(key))
        guard values.count == 3 else { throw capture.arguments.error(key, "should be three numbers, not \(values)") }
        return Triple(values)
    }

    private func geometry(_ weight: Tensor) throws -> Conv3dParams {
        Conv3dParams(
            kernel: Triple(Array(weight.shape.dimensions[2...])), stride: try triple("stride"),
            padding: try triple("padding"), dilation: try triple("dilation"),
            groups: try capture.arguments.int("groups") ?? 1)
    }

    private func lossParams() throws -> DiceCEParams {
        let reader = capture.arguments
        reader.ignore("to_onehot_y")
        var params = DiceCEParams()
        params.probabilities =
            try reader.bool("softmax") == true ? .softmax : try reader.bool("sigmoid") == true ? .sigmoid : .identity
        params.includeBackground = try reader.bool("include_background") ?? true
        params.squaredPred = try reader.bool("squared_pred") ?? false
        params.ratio = try reader.bool("jaccard") == true ? .jaccard : .dice
        params.batch = try reader.bool("batch") ?? false
        params.lambdaDice = Float(try reader.double("lambda_dice") ?? 1)
        params.lambdaCE = Float(try reader.double("lambda_ce") ?? 0)
        try reader.finish()
        return params
    }
}
