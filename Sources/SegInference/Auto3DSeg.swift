internal import Foundation
internal import SegBackend
public import SegCore
internal import SegImaging
internal import SegModels
internal import SegWeights

/// A checkpoint of Auto3DSeg's `segresnet`, which holds its own configuration beside the weights.
///
/// The preprocessing follows lassoan/SlicerMONAIAuto3DSeg, in one order for all models: intensities, orientation, crop,
/// spacing. The mask is resampled to the scan's grid by nearest neighbour. `docs/bundles.md` lists the differences from that
/// extension.
public enum Auto3DSeg {
    /// The checkpoint's entry that holds the configuration.
    static let entry = "config"

    /// The description of a checkpoint's model; nil if the file holds no configuration.
    /// - Throws: `DataError` that lists every part of the configuration that is invalid or not supported.
    public static func description(ofCheckpoint file: String) throws -> ModelDescription? {
        try Weights.configuration(entry, in: file).map { try description($0, source: file) }
    }

    /// The description of the model that a configuration describes.
    /// - Parameter source: The file that holds the configuration, for errors.
    /// - Throws: `DataError` that lists every part of the configuration that is invalid or not supported.
    public static func description(_ configuration: ConfigValue, source: String) throws -> ModelDescription {
        try Auto3DSegReader(ConfigReader(configuration, path: entry, source: source)).description()
    }
}

/// Reads the configuration part by part and collects the errors of all parts.
private final class Auto3DSegReader {
    private let reader: ConfigReader
    private let faults: FaultList

    init(_ reader: ConfigReader) {
        self.reader = reader
        faults = FaultList(source: reader.source, key: Auto3DSeg.entry)
    }

    func description() throws -> ModelDescription {
        let definition = faults.part { try self.network() }
        let outline = definition.flatMap { definition in faults.part { try definition.outline() } }
        let (inputs, outputs) = (outline?.inputChannels ?? 1, outline?.outputChannels ?? 2)
        let steps = faults.part { try self.preprocessing(channels: inputs) }
        let window = faults.part { try self.window() }
        let isSigmoid = faults.part { try self.reader.bool("sigmoid") ?? false } ?? false
        faults.part { try self.checkCounts(inputs: inputs, outputs: outputs) }
        faults.part {
            if outputs == 1, !isSigmoid {
                throw self.reader.error(
                    "sigmoid", "should be true, because the softmax of a single channel is 1 everywhere")
            }
        }
        Self.withoutEffect.forEach { reader.ignore($0) }
        faults.part { try self.reader.finishAll() }
        try faults.finish()
        guard let definition, let steps, let window else {
            throw DataError(.badData, reader.source, key: Auto3DSeg.entry, "cannot be understood")
        }
        var description = ModelDescription(
            network: definition, preprocessing: Preprocessing(steps), roiSize: window, overlap: 0.625,
            mode: .gaussian, labels: [:])
        description.maskPlan.restoration = .nearest
        description.maskPlan.probabilities = isSigmoid && outputs > 1 ? .sigmoid : .softmax
        description.maskPlan.isRegions = isSigmoid && outputs > 1
        description.labels = labels(outputs: outputs, isRegions: description.maskPlan.isRegions)
        return description
    }

    private func network() throws -> NetworkDefinition {
        guard case .object(var entries)? = reader.value("network") else {
            throw reader.error("network", "should be an object with a _target_, the class of the network")
        }
        // Entries that Auto3DSeg adds to MONAI's arguments in order to train from a pretrained checkpoint.
        for key in ["pretrained_ckpt_name", "_meta_"] { entries[key] = nil }
        return NetworkDefinition(.object(entries), source: reader.source)
    }

    private func window() throws -> Triple {
        let extents = try reader.required("roi_size", reader.ints("roi_size"))
        guard extents.count == 3, extents.allSatisfy({ $0 > 0 }),
            extents.map(Double.init).reduce(1, *) <= Double(SlidingWindow.largestWindow)
        else {
            throw reader.error(
                "roi_size",
                "should be three positive integers whose product is at most \(SlidingWindow.largestWindow), not "
                    + "\(extents)")
        }
        return Triple(extents)
    }

    /// Checks that the configuration's two channel counts equal the network's.
    private func checkCounts(inputs: Int, outputs: Int) throws {
        for (key, count) in [("input_channels", inputs), ("output_classes", outputs)] {
            guard let stated = try reader.int(key), stated != count else { continue }
            throw reader.error(key, "is \(stated), but the network has \(count)")
        }
    }

    /// The names of the classes. Auto3DSeg lists the names of the foreground classes or of all channels.
    private func labels(outputs: Int, isRegions: Bool) -> [Int: String] {
        guard case .array(let items)? = reader.value("class_names") else { return [:] }
        let names = items.map { item -> String? in if case .string(let name) = item { name } else { nil } }
        let first = names.count == outputs && outputs > 1 ? 0 : 1
        guard names.count + first == outputs || first == 0 || names.count == 1 && outputs == 1, !isRegions || first == 0
        else { return [:] }
        let pairs = names.enumerated().compactMap { place, name in name.map { (place + first, $0) } }
        return LabelScheme.distinct(Dictionary(uniqueKeysWithValues: pairs))
    }

    /// Entries for training or for the paths of files; they do not affect a prediction.
    private static let withoutEffect = [
        "bundle_root", "ckpt_path", "ckpt_save", "mlflow_tracking_uri", "mlflow_experiment_name", "mlflow_run_name",
        "data_file_base_dir", "data_list_file_path", "modality", "fold", "class_index", "class_names", "debug",
        "cache_rate", "auto_scale_allowed", "auto_scale_batch", "auto_scale_roi", "auto_scale_filters", "quick",
        "channels_last", "validate_final_original_res", "calc_val_loss", "amp", "log_output_file",
        "cache_class_indices", "early_stopping_fraction", "determ", "learning_rate", "batch_size",
        "num_images_per_batch", "num_epochs", "num_warmup_epochs", "resample", "crop_mode", "crop_ratios",
        "crop_add_background", "crop_foreground", "orientation_ras", "num_epochs_per_validation",
        "num_epochs_per_saving", "num_workers", "num_steps_per_image", "num_crops_per_image", "loss", "optimizer",
        "lr_scheduler", "finetune", "validate", "infer", "pretrained_ckpt_name", "pretrained_ckpt_path", "start_epoch",
        "augment_mode", "augment_flips", "augment_rots", "anisotropic_scales", "n_cases", "max_samples_per_class",
        "image_stats_summary", "task", "name", "algo", "mgpu", "multigpu", "global_rank", "rank", "stop_on_lowacc",
        "float32_precision", "notf32", "cuda_visible_devices", "intensity_bounds",
    ]
}

extension Auto3DSegReader {
    /// The preprocessing steps of the 3D Slicer extension, in its order.
    private func preprocessing(channels: Int) throws -> [PreprocessingStep] {
        var steps = try normalization(channels: channels)
        if try reader.bool("orientation_ras") ?? false { steps.append(.orientation(try Orientation(axisCodes: "RAS"))) }
        if try reader.bool("crop_foreground") ?? true {
            // With several channels, the foreground is found in the first one only.
            steps.append(
                .cropForeground(
                    try CropForeground(
                        margins: [10, 10, 10], divisors: [1, 1, 1], allowSmaller: true,
                        channels: channels > 1 ? [0] : nil)))
        }
        if let pixdim = try ConfigCoder(reader).given("resample_resolution", nil, .spacing) {
            steps.append(
                .spacing(
                    try Spacing(
                        pixdim: pixdim, interpolation: .trilinear, isSingle: true, keptFrom: pixdim.map { $0 * 0.75 },
                        keptTo: pixdim.map { $0 * 1.25 })))
        }
        return steps
    }

    /// The steps that normalise the intensities of every channel.
    private func normalization(channels: Int) throws -> [PreprocessingStep] {
        let mode = try reader.required("normalize_mode", reader.string("normalize_mode"))
        try checkExtraModalities(mode, channels: channels)
        switch Self.family(mode) {
        case "none": return []
        case "range":
            let bounds = try reader.required("intensity_bounds", reader.doubles("intensity_bounds"))
            guard bounds.count == 2, bounds[0] < bounds[1] else {
                throw reader.error("intensity_bounds", "should be two rising numbers, not \(bounds)")
            }
            let window = try ScaleIntensityRange(aMin: bounds[0], aMax: bounds[1], bMin: -1, bMax: 1, clip: false)
            return [.scaleIntensityRange(window), .intensityCurve(.sigmoid)]
        case "meanstd": return [.normalizeIntensity(try Self.standardized())]
        case "meanstdtanh":
            return [.normalizeIntensity(try Self.standardized()), .intensityCurve(.boundedByThree)]
        case "pet":
            guard channels == 1 else {
                throw reader.error("normalize_mode", "pet is supported for 1 channel, not for \(channels)")
            }
            return [.intensityCurve(.sigmoidAboveLeast)]
        default:
            throw reader.error(
                "normalize_mode",
                "'\(mode)' is not supported; supported: none, range, ct, meanstd, mri, meanstdtanh, pet")
        }
    }

    private static func standardized() throws -> NormalizeIntensity {
        try NormalizeIntensity(subtrahend: nil, divisor: nil, nonzero: true, channelWise: true)
    }

    /// Maps the second name of a mode to its first: `ct` to `range`, and `mri` to `meanstd`.
    private static func family(_ mode: String) -> String { mode == "ct" ? "range" : mode == "mri" ? "meanstd" : mode }

    /// Checks that every extra modality has the same normalisation mode as the first channel.
    private func checkExtraModalities(_ mode: String, channels: Int) throws {
        guard case .object(let entries) = reader.value("extra_modalities") ?? [:] else {
            throw reader.error("extra_modalities", "should be an object of modalities and their normalize_mode")
        }
        for (name, other) in entries.sorted(by: { $0.key < $1.key }) {
            guard case .string(let text) = other, Self.family(text) == Self.family(mode) else {
                throw reader.error(
                    "extra_modalities", "'\(name)' is normalised by \(other), but only '\(mode)' is supported")
            }
        }
        guard entries.isEmpty || entries.count == channels - 1 else {
            throw reader.error(
                "extra_modalities",
                "has \(entries.count) modalities besides the first, but the network takes \(channels)")
        }
    }
}
