public import SegCore
internal import SegImaging

extension NNUNetPlans {
    /// The name of the planner's plans, which is also nnU-Net's name of their file.
    public var plansName: String { target.planner.plansName }

    /// The content of `plans.json`.
    public var document: ConfigValue {
        let backward = (0..<3).map { axis in forward.firstIndex(of: axis) ?? axis }
        func medians(_ values: (Int) -> [Double]) -> [Double] { forward.map { OrderStatistics.median(values($0)) } }
        let spacings = medians { axis in fingerprint.spacings.map { $0[axis] } }
        let shapes = medians { axis in fingerprint.shapes.map { Double($0[axis]) } }
        return [
            "dataset_name": .string(name),
            "plans_name": .string(plansName),
            "original_median_spacing_after_transp": .array(spacings.map { .double($0) }),
            "original_median_shape_after_transp": .array(shapes.map { .int(Int($0.rounded(.toNearestOrEven))) }),
            "image_reader_writer": .string(training.reader(isSheared: fingerprint.isSheared)),
            "transpose_forward": .array(forward.map { .int($0) }),
            "transpose_backward": .array(backward.map { .int($0) }),
            "configurations": .object(configurations),
            "experiment_planner_used": .string(target.planner.className),
            "label_manager": "LabelManager",
            "foreground_intensity_properties_per_channel": fingerprint.intensities,
        ]
    }

    /// Every configuration under its name.
    private var configurations: [String: ConfigValue] {
        var result = ["2d": ConfigValue.object(entries(of: flat, "2d", isBatchDice: true))]
        guard let full else { return result }
        guard case .kept(let planned, _) = low else {
            result["3d_fullres"] = .object(entries(of: full, "3d_fullres", isBatchDice: false))
            return result
        }
        result["3d_fullres"] = .object(entries(of: full, "3d_fullres", isBatchDice: true))
        var lowest = entries(of: planned, "3d_lowres", isBatchDice: false)
        lowest["next_stage"] = "3d_cascade_fullres"
        result["3d_lowres"] = .object(lowest)
        result["3d_cascade_fullres"] = ["inherits_from": "3d_fullres", "previous_stage": "3d_lowres"]
        return result
    }

    private func entries(
        of planned: PlannedConfiguration, _ name: String, isBatchDice: Bool
    ) -> [String: ConfigValue] {
        let function: ConfigValue = "resample_data_or_seg_to_shape"
        func arguments(order: Int, isLabel: Bool) -> ConfigValue {
            ["is_seg": .bool(isLabel), "order": .int(order), "order_z": 0, "force_separate_z": .null]
        }
        return [
            "data_identifier": .string(target.planner.dataIdentifier(name)),
            "preprocessor_name": "DefaultPreprocessor",
            "batch_size": .int(planned.batch),
            "patch_size": .array(planned.patch.map { .int($0) }),
            "median_image_size_in_voxels": .array(planned.median.map { .double($0) }),
            "spacing": .array(planned.spacing.map { .double($0) }),
            "normalization_schemes": .array(normalizations.map { .string($0.scheme) }),
            "use_mask_for_norm": .array(normalizations.map { .bool($0.isMasked) }),
            "resampling_fn_data": function,
            "resampling_fn_seg": function,
            "resampling_fn_data_kwargs": arguments(order: 3, isLabel: false),
            "resampling_fn_seg_kwargs": arguments(order: 1, isLabel: true),
            "resampling_fn_probabilities": function,
            "resampling_fn_probabilities_kwargs": arguments(order: 1, isLabel: false),
            "architecture": architecture(of: planned),
            "batch_dice": .bool(isBatchDice),
        ]
    }

    /// The network of a configuration.
    private func architecture(of planned: PlannedConfiguration) -> ConfigValue {
        let (planner, topology) = (target.planner, planned.topology)
        let stages = topology.strides.indices
        let dimensions = planned.isFlat ? "2d" : "3d"
        func list(_ rows: [[Int]]) -> ConfigValue { .array(rows.map { .array($0.map { .int($0) }) }) }
        let network = planner.isResidual ? "ResidualEncoderUNet" : "PlainConvUNet"
        let arguments: [String: ConfigValue] = [
            "n_stages": .int(stages.count),
            "features_per_stage": .array(
                stages.map { .int(NNUNetPlanner.features(stage: $0, isFlat: planned.isFlat)) }),
            "conv_op": .string("torch.nn.modules.conv.Conv\(dimensions)"),
            "kernel_sizes": list(topology.kernels),
            "strides": list(topology.strides),
            planner.isResidual ? "n_blocks_per_stage" : "n_conv_per_stage": .array(
                stages.map { .int(planner.encoderBlocks(stage: $0)) }),
            "n_conv_per_stage_decoder": .array(stages.dropLast().map { _ in .int(planner.decoderConvolutions) }),
            "conv_bias": true,
            "norm_op": .string("torch.nn.modules.instancenorm.InstanceNorm\(dimensions)"),
            "norm_op_kwargs": ["eps": 1e-5, "affine": true],
            "dropout_op": .null,
            "dropout_op_kwargs": .null,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": ["inplace": true],
        ]
        return [
            "network_class_name": .string("dynamic_network_architectures.architectures.unet.\(network)"),
            "arch_kwargs": .object(arguments),
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        ]
    }

    /// The normalisation of a channel's intensities.
    struct Rule: Hashable {
        /// The class of nnU-Net in `normalization_schemes`.
        let scheme: String
        /// Whether z-score normalisation measures and changes only the nonzero region; the entry of
        /// `use_mask_for_norm`.
        let isMasked: Bool
    }

    /// The rule of each channel, by its name.
    var normalizations: [Rule] {
        training.dataset.channels.map { channel in
            let scheme =
                switch channel.lowercased() {
                case "ct": "CTNormalization"
                case "nonorm": "NoNormalization"
                case "rescale_to_0_1": "RescaleTo01Normalization"
                case "rgb_to_0_1": "RGBTo01Normalization"
                default: "ZScoreNormalization"
                }
            return Rule(
                scheme: scheme,
                isMasked: scheme == "ZScoreNormalization" && fingerprint.relativeSize < Self.croppedShare)
        }
    }

    /// The limit below which `use_mask_for_norm` is true. It is compared with the share of a scan's voxels that is left
    /// after cropping to the nonzero voxels, as the median over the data set.
    static let croppedShare = 0.75
}

extension NNUNetPlans {
    /// A summary with one line per configuration.
    public var summary: String {
        var rows: [(String, PlannedConfiguration)] = []
        if let full { rows.append(("3d_fullres", full)) }
        if case .kept(let planned, _) = low { rows.append(("3d_lowres", planned)) }
        rows.append(("2d", flat))
        func joined(_ values: [String]) -> String { values.joined(separator: " × ") }
        return rows.map { name, planned in
            "\(name): patch \(joined(planned.patch.map(String.init))), batch \(planned.batch), "
                + "\(planned.topology.strides.count) stages, spacing \(joined(planned.spacing.map { $0.text(decimals: 3) })) mm"
        }.joined(separator: "\n")
    }
}
