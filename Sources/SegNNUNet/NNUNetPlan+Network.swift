internal import SegCore
internal import SegModels

// The network.
extension NNUNetPlan {
    /// The network of the configuration, as a definition in 3-D: a 2-D network gets kernels and strides of 1 along the
    /// first axis.
    /// - Parameters:
    ///   - inputs: The number of input channels.
    ///   - outputs: The number of output channels.
    ///   - trainer: The trainer's class, which may change the network.
    /// - Throws: `DataError` naming the entry that is missing, wrong or not supported.
    func network(inputs: Int, outputs: Int, trainer: String) throws -> NetworkDefinition {
        let (name, arguments) = try entries.value("architecture") == nil ? early() : stated()
        guard let kind = NNUNetOptions.Kind(rawValue: name) else {
            let known = NNUNetOptions.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw entries.error("architecture.network_class_name", "'\(name)' is not supported; supported: \(known)")
        }
        var definition = try isTwoDimensional ? Self.volumes(arguments) : arguments
        definition["_target_"] = .string(kind.rawValue)
        definition["input_channels"] = .int(inputs)
        definition["num_classes"] = .int(outputs)
        // The trainer replaces the plan's norms by batch norms.
        if Self.batchNormTrainers.contains(trainer) {
            definition["norm_op"] = "BatchNorm3d"
            definition["norm_op_kwargs"] = ["eps": 1e-5, "affine": true]
        }
        return NetworkDefinition(.object(definition), source: source)
    }

    private static let batchNormTrainers = ["nnUNetTrainerBN", "nnUNetTrainer_BN"]

    /// Reads the network of plans since nnU-Net 2.3: a class and its arguments.
    private func stated() throws -> (name: String, arguments: [String: ConfigValue]) {
        let architecture = try entries.required("architecture", entries.object("architecture"))
        let name = try architecture.required("network_class_name", architecture.string("network_class_name"))
        guard case .object(let arguments)? = architecture.value("arch_kwargs") else {
            throw architecture.error("arch_kwargs", "should be an object")
        }
        // The module is ignored, because classes have moved between modules.
        return (String(name.split(separator: ".").last ?? ""), arguments)
    }

    /// Reads the network of earlier plans, which give the same values under other keys.
    private func early() throws -> (name: String, arguments: [String: ConfigValue]) {
        let name = try entries.required("UNet_class_name", entries.string("UNet_class_name"))
        let base = try entries.required("UNet_base_num_features", entries.int("UNet_base_num_features"))
        let most = try entries.required("unet_max_num_features", entries.int("unet_max_num_features"))
        func list(_ key: String) throws -> [ConfigValue] {
            guard case .array(let items)? = entries.value(key) else { throw entries.error(key, "should be a list") }
            return items
        }
        let strides = try list("pool_op_kernel_sizes")
        guard (1...65_536).contains(base), (1...16).contains(strides.count) else {
            throw entries.error("UNet_base_num_features", "should be from 1 to 65536, and the stages from 1 to 16")
        }
        let blocks = name == NNUNetOptions.Kind.plain.rawValue ? "n_conv_per_stage" : "n_blocks_per_stage"
        return (
            name,
            [
                "n_stages": .int(strides.count),
                "features_per_stage": .array(strides.indices.map { .int(min(base << $0, most)) }),
                "conv_op": "Conv3d", "kernel_sizes": .array(try list("conv_kernel_sizes")),
                "strides": .array(strides), blocks: .array(try list("n_conv_per_stage_encoder")),
                "n_conv_per_stage_decoder": .array(try list("n_conv_per_stage_decoder")), "conv_bias": true,
                "norm_op": "InstanceNorm3d", "norm_op_kwargs": ["eps": 1e-5, "affine": true],
                "nonlin": "LeakyReLU", "nonlin_kwargs": ["inplace": true],
            ]
        )
    }

    /// The arguments of a 2-D network as those of a 3-D network.
    private static func volumes(_ arguments: [String: ConfigValue]) -> [String: ConfigValue] {
        func deepened(_ value: ConfigValue) -> ConfigValue {
            switch value {
            case .array(let items):
                items.allSatisfy { $0.number != nil } && items.count == 2
                    ? .array([1] + items) : .array(items.map(deepened))
            case .int: .array([1, value, value])
            default: value
            }
        }
        var arguments = arguments
        for key in ["kernel_sizes", "strides"] {
            if case .array(let stages)? = arguments[key] { arguments[key] = .array(stages.map(deepened)) }
            if let one = arguments[key]?.wholeNumber, let stages = arguments["n_stages"]?.wholeNumber, stages <= 16 {
                arguments[key] = .array([ConfigValue](repeating: deepened(.int(one)), count: max(stages, 0)))
            }
        }
        arguments["conv_op"] = "Conv3d"
        return arguments
    }
}
