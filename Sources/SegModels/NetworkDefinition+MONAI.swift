internal import SegBackend
public import SegCore

/// Definitions of networks in Swift, with MONAI's names and defaults: `NetworkDefinition.unet(outputChannels: 2,
/// channels: [16, 32], strides: [2])`. `makeNetwork(on:seed:)` builds the network; model folders and configurations
/// store the definition unchanged.
extension NetworkDefinition {
    /// `monai.networks.nets.UNet`; see `UNetOptions`.
    public static func unet(
        inputChannels: Int = 1, outputChannels: Int, channels: [Int], strides: [Triple], kernel: Triple = 3,
        upKernel: Triple = 3, residualUnits: Int = 0, _ block: BlockOptions = BlockOptions()
    ) -> NetworkDefinition {
        monai(
            "UNet",
            [
                "spatial_dims": 3, "in_channels": .int(inputChannels), "out_channels": .int(outputChannels),
                "channels": .ints(channels), "strides": .triples(strides), "kernel_size": .triple(kernel),
                "up_kernel_size": .triple(upKernel), "num_res_units": .int(residualUnits),
                "act": block.activation?.value ?? .null, "norm": block.norm?.value ?? .null,
                "dropout": .double(block.dropout.decimal), "bias": .bool(block.bias),
                "adn_ordering": .string(block.ordering),
            ])
    }

    /// `monai.networks.nets.VNet`; see `VNetOptions`. Here `.prelu` has one slope per channel.
    public static func vnet(
        inputChannels: Int = 1, outputChannels: Int = 1, activation: BlockOptions.ActivationOption = .elu(),
        dropoutDown: Float = 0.5, dropoutUp: (Float, Float) = (0.5, 0.5), bias: Bool = false
    ) -> NetworkDefinition {
        monai(
            "VNet",
            [
                "spatial_dims": 3, "in_channels": .int(inputChannels), "out_channels": .int(outputChannels),
                "act": activation.value, "dropout_prob_down": .double(dropoutDown.decimal),
                "dropout_prob_up": [.double(dropoutUp.0.decimal), .double(dropoutUp.1.decimal)], "bias": .bool(bias),
            ])
    }

    /// `monai.networks.nets.UNETR`; see `UNETROptions`.
    /// - Parameter size: The size of the windows that the network accepts, `img_size`: multiples of 16.
    public static func unetr(
        inputChannels: Int = 1, outputChannels: Int, size: Triple, featureSize: Int = 16, hiddenSize: Int = 768,
        mlpSize: Int = 3072, heads: Int = 12, norm: BlockOptions.NormOption = .instance(), isResidual: Bool = true,
        dropout: Float = 0
    ) -> NetworkDefinition {
        monai(
            "UNETR",
            [
                "spatial_dims": 3, "in_channels": .int(inputChannels), "out_channels": .int(outputChannels),
                "img_size": .triple(size), "feature_size": .int(featureSize), "hidden_size": .int(hiddenSize),
                "mlp_dim": .int(mlpSize), "num_heads": .int(heads), "norm_name": norm.value,
                "res_block": .bool(isResidual), "dropout_rate": .double(dropout.decimal),
            ])
    }

    /// `monai.networks.nets.SwinUNETR`; see `SwinUNETROptions`.
    public static func swinUNETR(
        inputChannels: Int = 1, outputChannels: Int, featureSize: Int = 24, depths: [Int] = [2, 2, 2, 2],
        heads: [Int] = [3, 6, 12, 24], window: Triple = 7, norm: BlockOptions.NormOption = .instance(),
        dropout: Float = 0, attentionDropout: Float = 0, hasStageBlocks: Bool = false
    ) -> NetworkDefinition {
        monai(
            "SwinUNETR",
            [
                "spatial_dims": 3, "in_channels": .int(inputChannels), "out_channels": .int(outputChannels),
                "feature_size": .int(featureSize), "depths": .ints(depths), "num_heads": .ints(heads),
                "window_size": .triple(window), "norm_name": norm.value, "drop_rate": .double(dropout.decimal),
                "attn_drop_rate": .double(attentionDropout.decimal), "use_v2": .bool(hasStageBlocks),
            ])
    }

    /// `monai.networks.nets.SegResNet`; see `SegResNetOptions`.
    public static func segResNet(
        inputChannels: Int = 1, outputChannels: Int = 2, filters: Int = 8, blocksDown: [Int] = [1, 2, 2, 4],
        blocksUp: [Int] = [1, 1, 1], activation: BlockOptions.ActivationOption = .relu,
        norm: BlockOptions.NormOption = .group(8), dropout: Float = 0
    ) -> NetworkDefinition {
        monai(
            "SegResNet",
            [
                "spatial_dims": 3, "in_channels": .int(inputChannels), "out_channels": .int(outputChannels),
                "init_filters": .int(filters), "blocks_down": .ints(blocksDown), "blocks_up": .ints(blocksUp),
                "act": activation.value, "norm": norm.value, "dropout_prob": .double(dropout.decimal),
            ])
    }

    /// `monai.networks.nets.SegResNetDS`; see `SegResNetDSOptions`.
    public static func segResNetDS(
        inputChannels: Int = 1, outputChannels: Int = 2, filters: Int = 32, blocksDown: [Int] = [1, 2, 2, 4],
        headCount: Int = 1, activation: BlockOptions.ActivationOption = .relu,
        norm: BlockOptions.NormOption = .batch()
    ) -> NetworkDefinition {
        monai(
            "SegResNetDS",
            [
                "spatial_dims": 3, "in_channels": .int(inputChannels), "out_channels": .int(outputChannels),
                "init_filters": .int(filters), "blocks_down": .ints(blocksDown), "dsdepth": .int(headCount),
                "act": activation.value, "norm": norm.value,
            ])
    }

    /// `monai.networks.nets.BasicUNet`; see `BasicUNetOptions`.
    public static func basicUNet(
        inputChannels: Int = 1, outputChannels: Int = 2, features: [Int] = [32, 32, 64, 128, 256, 32],
        activation: BlockOptions.ActivationOption = .leakyReLU(slope: 0.1),
        norm: BlockOptions.NormOption = .instance(affine: true), dropout: Float = 0, bias: Bool = true
    ) -> NetworkDefinition {
        monai(
            "BasicUNet",
            [
                "spatial_dims": 3, "in_channels": .int(inputChannels), "out_channels": .int(outputChannels),
                "features": .ints(features), "act": activation.value, "norm": norm.value, "bias": .bool(bias),
                "dropout": .double(dropout.decimal),
            ])
    }

    /// `monai.networks.nets.AttentionUnet`; see `AttentionUnetOptions`.
    public static func attentionUnet(
        inputChannels: Int = 1, outputChannels: Int, channels: [Int], strides: [Triple], dropout: Float = 0
    ) -> NetworkDefinition {
        monai(
            "AttentionUnet",
            [
                "spatial_dims": 3, "in_channels": .int(inputChannels), "out_channels": .int(outputChannels),
                "channels": .ints(channels), "strides": .triples(strides), "dropout": .double(dropout.decimal),
            ])
    }

    /// `monai.networks.nets.DynUNet`; see `DynUNetOptions`.
    /// - Parameters:
    ///   - filters: The number of channels of each level; nil for nnU-Net's 32, 64 and so on, at most 320.
    ///   - headCount: The number of heads for deep supervision; 0 for none.
    public static func dynUNet(
        inputChannels: Int = 1, outputChannels: Int, kernels: [Triple], strides: [Triple], filters: [Int]? = nil,
        norm: BlockOptions.NormOption = .instance(affine: true),
        activation: BlockOptions.ActivationOption = .leakyReLU(), headCount: Int = 0, isResidual: Bool = false,
        dropout: Float = 0
    ) -> NetworkDefinition {
        var arguments: [String: ConfigValue] = [
            "spatial_dims": 3, "in_channels": .int(inputChannels), "out_channels": .int(outputChannels),
            "kernel_size": .triples(kernels), "strides": .triples(strides),
            "upsample_kernel_size": .triples(Array(strides.dropFirst())), "norm_name": norm.value,
            "act_name": activation.value, "deep_supervision": .bool(headCount > 0), "res_block": .bool(isResidual),
            "dropout": .double(dropout.decimal),
        ]
        if headCount > 0 { arguments["deep_supr_num"] = .int(headCount) }
        if let filters { arguments["filters"] = .ints(filters) }
        return monai("DynUNet", arguments)
    }

    /// Makes a definition from a class name and arguments.
    private static func monai(_ name: String, _ arguments: [String: ConfigValue]) -> NetworkDefinition {
        let target: [String: ConfigValue] = ["_target_": .string("monai.networks.nets.\(name)")]
        return NetworkDefinition(.object(arguments.merging(target) { $1 }), source: name)
    }
}

extension ConfigValue {
    fileprivate static func ints(_ numbers: [Int]) -> ConfigValue { .array(numbers.map(ConfigValue.int)) }

    fileprivate static func triple(_ size: Triple) -> ConfigValue { ints(size.array) }

    fileprivate static func triples(_ sizes: [Triple]) -> ConfigValue { .array(sizes.map(triple)) }
}
