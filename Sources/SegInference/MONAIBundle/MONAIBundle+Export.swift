internal import Foundation
internal import SegBackend
internal import SegCore
internal import SegImaging
internal import SegModels

extension MONAIBundle {
    /// The text files of a MONAI bundle for `python -m monai.bundle run`, by their paths in the bundle's folder. The
    /// weights, `models/model.pt`, are not among them.
    /// - Parameters:
    ///   - name: The name of the bundle.
    ///   - license: The text of the bundle's licence; nil if there is none.
    /// - Throws: `DataError` if a bundle cannot describe the model.
    public static func files(
        of description: ModelDescription, name: String, license: String?
    ) throws -> [String: String] {
        try checkIsMONAI(description)
        return [
            "configs/inference.json": try inference(description).jsonText(),
            "configs/metadata.json": try metadata(description, name: name).jsonText(),
            "docs/README.md": readme(description, name: name),
            "README.md": card(isLicensed: license != nil) + readme(description, name: name),
            "LICENSE": license ?? "No licence is given for these weights; ask their authors before use.\n",
        ]
    }

    /// Refuses a model whose network or steps MONAI does not have.
    private static func checkIsMONAI(_ description: ModelDescription) throws {
        let isNNUNet =
            description.mode == .nnUNet || description.maskPlan.restoration == .logits
            || !description.mirrorAxes.isEmpty
            || description.preprocessing.steps.contains { $0.ofMONAI == nil }
        guard description.network.isOfMONAI else {
            throw DataError(
                .badArgument, "export-bundle",
                "writes models that MONAI runs, but MONAI has no network with the network_def of this model")
        }
        guard !isNNUNet else {
            throw DataError(
                .badArgument, "export-bundle",
                "writes models that MONAI runs, but this one is preprocessed, mirrored or resampled as in nnU-Net, or has a rule of "
                    + "intensities for each channel")
        }
    }

    private static func inference(_ description: ModelDescription) throws -> ConfigValue {
        let channels = try description.network.outline().inputChannels
        return [
            "imports": ["$import glob", "$import numpy"],
            "bundle_root": ".",
            "output_dir": "$@bundle_root + '/eval'",
            "dataset_dir": "/path/to/scans",
            "datalist": "$list(sorted(glob.glob(@dataset_dir + '/*.nii.gz')))",
            "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
            "network_def": try longTarget(description.network.value),
            "network": "$@network_def.to(@device)",
            "preprocessing": compose(preprocessing(description.preprocessing)),
            "dataset": [
                // Several channels are the files of one case, in the order of their names.
                "_target_": "Dataset", "transform": "@preprocessing",
                "data": channels == 1 ? "$[{'image': i} for i in @datalist]" : "$[{'image': @datalist}]",
            ],
            "dataloader": [
                "_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "shuffle": false, "num_workers": 0,
            ],
            "inferer": try inferer(description),
            "postprocessing": compose(try postprocessing(description)),
            "evaluator": [
                "_target_": "SupervisedEvaluator", "device": "@device", "val_data_loader": "@dataloader",
                "network": "@network", "inferer": "@inferer", "postprocessing": "@postprocessing", "amp": false,
            ],
            "checkpointloader": [
                "_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'",
                "load_dict": ["model": "@network"],
            ],
            "initialize": ["$monai.utils.set_determinism(seed=0)", "$@checkpointloader(@evaluator)"],
            "run": ["$@evaluator.run()"],
        ]
    }

    /// The network's definition with the full name in `_target_`, and with arrays for arguments that MONAI refuses as lists.
    private static func longTarget(_ definition: ConfigValue) throws -> ConfigValue {
        guard case .object(var entries) = definition, case .string(let target)? = entries["_target_"] else {
            throw DataError(.badData, "network_def", key: "_target_", "is missing")
        }
        if !target.contains(".") { entries["_target_"] = .string("monai.networks.nets." + target) }
        if case .object(var space)? = entries["dints_space"], case .array(let codes)? = space["arch_code"] {
            space["arch_code"] = .array(codes.map { .string("$numpy.array(\($0))") })
            space["device"] = nil
            entries["dints_space"] = .object(space)
        }
        return .object(entries)
    }

    private static func compose(_ transforms: [ConfigValue]) -> ConfigValue {
        ["_target_": "Compose", "transforms": .array(transforms)]
    }

    private static func preprocessing(_ preprocessing: Preprocessing) -> [ConfigValue] {
        let loading: [ConfigValue] = [
            ["_target_": "LoadImaged", "keys": "image"], ["_target_": "EnsureChannelFirstd", "keys": "image"],
        ]
        // LoadImaged stacks the files as channels, and refuses files on different grids.
        let steps = preprocessing.steps.filter { $0 != .concatItems }.compactMap(\.ofMONAI)
            .map { dictionaryTransform($0.value, of: "image") }
        return loading + steps + [["_target_": "EnsureTyped", "keys": "image"]]
    }

    private static func postprocessing(_ description: ModelDescription) throws -> [ConfigValue] {
        guard case .array(let steps) = description.maskPlan.value(channels: try description.outputChannels) else {
            return []
        }
        return steps.map { dictionaryTransform($0, of: "pred") } + [
            [
                "_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", "output_ext": ".nii.gz",
                "output_postfix": "mask", "output_dtype": "$numpy.uint8", "separate_folder": false, "resample": false,
            ]
        ]
    }

    /// A transform as a component whose class is MONAI's dictionary version, such as `Spacingd`.
    private static func dictionaryTransform(_ step: ConfigValue, of key: String) -> ConfigValue {
        guard case .object(var entries) = step, case .string(let name)? = entries["_target_"] else { return step }
        entries["_target_"] = .string(name + "d")
        entries["keys"] = .string(key)
        switch name {
        case "CropForeground": entries["source_key"] = .string(key)
        case "Invert": entries.merge(["transform": "@preprocessing", "orig_keys": "image", "to_tensor": true]) { $1 }
        default: break
        }
        return .object(entries)
    }

    private static func inferer(_ description: ModelDescription) throws -> ConfigValue {
        guard let roiSize = description.roiSize else { return ["_target_": "SimpleInferer"] }
        let window = SlidingWindow(window: roiSize, overlap: description.overlap, blending: description.mode)
        var entries = ConfigCoder.entries(window, SlidingWindow.coded)
            .merging(ConfigCoder.entries(description.padding, WindowPadding.coded)) { $1 }
        entries.merge(["_target_": "SlidingWindowInferer", "sw_batch_size": 1]) { $1 }
        if try description.network.outline().isPlanar {
            let plane = ConfigValue.array([roiSize.d, roiSize.h].map(ConfigValue.int))
            entries.merge(["_target_": "SliceInferer", "spatial_dim": 2, "roi_size": plane]) { $1 }
        }
        return .object(entries)
    }
}

// The bundle's metadata and README.
extension MONAIBundle {
    private static func metadata(_ description: ModelDescription, name: String) throws -> ConfigValue {
        let isRegions = description.maskPlan.isRegions
        let classes = isRegions ? try description.outputChannels : try description.classCount
        let outputs = try description.outputChannels
        let shape = ConfigValue.array(description.roiSize?.array.map { .int($0) } ?? ["*", "*", "*"])
        let channels = try description.network.outline().inputChannels
        let range = description.preprocessing.window.map { [ConfigValue.double($0.bMin), .double($0.bMax)] } ?? []
        let common: [String: ConfigValue] = [
            "type": "image", "spatial_shape": shape, "dtype": "float32", "is_patch_data": true,
        ]
        let image: [String: ConfigValue] = [
            "format": "magnitude", "modality": "n/a", "num_channels": .int(channels), "value_range": .array(range),
            "channel_def": .object(channelNames(channels)),
        ]
        let pred: [String: ConfigValue] = [
            "format": "segmentation", "num_channels": .int(description.maskPlan.painting.isEmpty ? classes : outputs),
            "value_range": [0, .int(isRegions ? 1 : classes - 1)],
            "channel_def": .object(predictionNames(description, classes: classes, outputs: outputs)),
        ]
        return [
            "schema":
                "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
            "version": "0.1.0", "changelog": ["0.1.0": "exported by MedSeg"], "monai_version": "1.4.0",
            "pytorch_version": "2.4.0", "numpy_version": "1.24.4",
            "required_packages_version": ["nibabel": "5.2.1", "pytorch-ignite": "0.4.11"],
            "name": .string(name), "task": "segmentation of a 3-D scan",
            "description": "A segmentation network trained or converted by MedSeg.", "authors": "", "copyright": "",
            "intended_use": "Research; not for diagnosis.",
            "network_data_format": [
                "inputs": ["image": .object(common.merging(image) { $1 })],
                "outputs": ["pred": .object(common.merging(pred) { $1 })],
            ],
        ]
    }

    /// A sentence about the parts of a model that a bundle does not hold; nil if it holds everything.
    package static func leftOut(of description: ModelDescription) -> String? {
        let steps = description.postprocessing
        if description.labelScheme.keepsNumbers {
            return
                "The numbers of label maps (keep_numbers) are not part of the bundle: its masks hold 1, 2, … in the order of labels."
                + (steps.isEmpty ? "" : " Neither is the postprocessing: its masks are not postprocessed.")
        }
        guard !steps.isEmpty else { return nil }
        let usual = ConfigCoder.entries(PostProcessing(), PostProcessing.coded)
        let names = ConfigCoder.entries(steps, PostProcessing.coded).filter { usual[$0] != $1 }
            .map { $1 == true ? $0 : "\($0) \($1)" }.sorted()
        return
            "The postprocessing of the model (\(names.joined(separator: ", "))) is not part of the bundle: its masks "
            + "are not postprocessed."
    }

    private static func channelNames(_ count: Int) -> [String: ConfigValue] {
        var names: [String: ConfigValue] = [:]
        for channel in 0..<count { names[String(channel)] = .string(channel == 0 ? "image" : "image \(channel)") }
        return names
    }

    /// The names of the classes or regions by channel; a painted region has the name of its class.
    private static func predictionNames(
        _ description: ModelDescription, classes: Int, outputs: Int
    ) -> [String: ConfigValue] {
        var names: [String: ConfigValue] = [:]
        let painting = description.maskPlan.painting
        guard painting.isEmpty else {
            for channel in 0..<outputs { names[String(channel)] = .string("channel \(channel)") }
            for paint in painting { names[String(paint.channel)] = .string(className(Int(paint.label), description)) }
            return names
        }
        for label in 0..<classes { names[String(label)] = .string(className(label, description)) }
        return names
    }

    private static func className(_ label: Int, _ description: ModelDescription) -> String {
        label == 0 && !description.maskPlan.isRegions
            ? description.labels[0] ?? "background" : description.className(label)
    }

    /// The metadata that Hugging Face reads from a repository's README, as in the mirrors of the model zoo.
    private static func card(isLicensed: Bool) -> String {
        let license =
            isLicensed ? "license: other\nlicense_name: see-license\nlicense_link: LICENSE\n" : "license: unknown\n"
        return "---\ntags:\n- monai\n- medical\nlibrary_name: monai\n\(license)---\n"
    }

    private static func readme(_ description: ModelDescription, name: String) -> String {
        let steps = description.preprocessing
        let names = description.labels.sorted { $0.key < $1.key }.map(\.value)
        let found = names.isEmpty ? "" : ": " + names.joined(separator: ", ")
        var lines = ["# \(name)", "", "Segments a 3-D scan\(found)."]
        let channels = (try? description.network.outline().inputChannels) ?? 1
        let scans = channels == 1 ? "SCAN.nii.gz" : "SCANS/*.nii.gz"
        lines += [
            "",
            channels == 1
                ? "Run it on every `*.nii.gz` of a folder, from the bundle's own folder:"
                : "Run it on the \(channels) `*.nii.gz` of a case, its channels in the order of their names, from the bundle's "
                    + "own folder:",
            "", "```",
        ]
        lines += ["python -m monai.bundle run --config_file configs/inference.json --dataset_dir SCANS", "```", ""]
        let grid = description.maskPlan.restoration == .none ? "on the network's grid" : "each on its scan's own grid"
        lines += ["Masks go to `eval/`, \(grid). The same with MedSeg:", "", "```"]
        lines += ["medseg predict \(scans) --bundle . --out eval", "```", "", "The steps for a scan:", ""]
        lines += steps.steps.map { "- \($0.summary)" }
        if let roiSize = description.roiSize {
            lines.append(
                "- predicted in windows of \(roiSize) voxels, overlap \(description.overlap), "
                    + "\(description.mode.rawValue) weights")
        } else {
            lines.append("- predicted as a whole")
        }
        if let loss = leftOut(of: description) { lines += ["", loss] }
        return lines.joined(separator: "\n") + "\n"
    }
}
