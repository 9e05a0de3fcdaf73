internal import SegCore
internal import SegImaging
internal import SegInference

/// One configuration of `plans.json`, with the entries that it inherits and the entries that all configurations share.
///
/// Plans of nnU-Net 2.0 to 2.8 are supported; entries that only matter for training are not read.
struct NNUNetPlan {
    /// The file.
    let source: String
    /// The name of the configuration, such as `3d_fullres`.
    let name: String
    private let shared: ConfigReader
    /// The configuration's own entries over those that it inherits.
    let entries: ConfigReader

    /// Reads a configuration.
    /// - Throws: `DataError` naming the entry that is missing or wrong.
    init(file: String, configuration name: String) throws {
        source = file
        self.name = name
        shared = try ConfigReader(ConfigValue(jsonFile: file), path: "", source: file)
        let configurations = try shared.required("configurations", shared.object("configurations"))
        entries = try ConfigReader(
            .object(Self.entries(of: name, in: configurations)), path: "configurations.\(name)", source: file)
    }

    /// A configuration's entries, merged over the entries of the configuration that it inherits from.
    private static func entries(
        of name: String, in configurations: ConfigReader, children: [String] = []
    ) throws -> [String: ConfigValue] {
        guard case .object(let own)? = configurations.value(name) else {
            throw configurations.error(name, "is missing")
        }
        guard case .string(let parent)? = own["inherits_from"] else { return own }
        guard children.count < 16 else {
            throw configurations.error(name, "inherits over more than 16 steps")
        }
        guard !children.contains(name) else {
            throw configurations.error(name, "inherits from itself through \(children.joined(separator: ", "))")
        }
        return try entries(of: parent, in: configurations, children: children + [name]).merging(own) { $1 }
    }

    /// Whether images are slices.
    var isTwoDimensional: Bool { get throws { try patch.count == 2 } }

    /// The size of a window along two or three axes.
    var patch: [Int] {
        get throws {
            let patch = try entries.required("patch_size", entries.ints("patch_size"))
            guard (2...3).contains(patch.count), patch.allSatisfy({ $0 > 0 }),
                patch.map(Double.init).reduce(1, *) <= Double(SlidingWindow.largestWindow)
            else {
                throw entries.error(
                    "patch_size",
                    "should be two or three positive integers whose product is at most "
                        + "\(SlidingWindow.largestWindow), not \(patch)")
            }
            return patch
        }
    }

    /// The configuration whose masks are additional input channels of this one; nil for none.
    var previousStage: String? { get throws { try entries.string("previous_stage") } }
}

// The preprocessing of a scan.
extension NNUNetPlan {
    /// The preprocessing steps of a scan with a number of channels, in nnU-Net's order.
    /// - Throws: `DataError` naming the entry that is missing, wrong or not supported.
    func steps(channels: Int) throws -> [PreprocessingStep] {
        var steps = try orientation()
        let forward = try shared.required("transpose_forward", shared.ints("transpose_forward"))
        steps.append(.nnUNetTranspose(try shared.naming("transpose_forward") { try NNUNetTranspose(forward: forward) }))
        steps.append(.nnUNetCrop(NNUNetCrop()))
        steps.append(.nnUNetNormalization(try normalization(channels: channels)))
        if let resampling = try resampling() { steps.append(.nnUNetResampling(resampling)) }
        return steps
    }

    /// The steps of nnU-Net's image reader.
    private func orientation() throws -> [PreprocessingStep] {
        let name = try shared.required("image_reader_writer", shared.string("image_reader_writer"))
        switch name {
        case "SimpleITKIO", "NibabelIO": return []
        case "NibabelIOWithReorient", "SimpleITKIOWithReorient":
            return [.orientation(try Orientation(axisCodes: "RAS"))]
        default:
            throw shared.error(
                "image_reader_writer",
                "'\(name)' is not supported; supported: SimpleITKIO, NibabelIO, and both WithReorient")
        }
    }

    private func normalization(channels: Int) throws -> NNUNetNormalization {
        let names = try entries.required("normalization_schemes", entries.strings("normalization_schemes"))
        guard names.count == channels else {
            throw entries.error(
                "normalization_schemes", "has \(names.count) entries, but dataset.json names \(channels) channels")
        }
        let masks = try truths("use_mask_for_norm", count: channels)
        return NNUNetNormalization(
            try names.enumerated().map { channel, name in
                switch name {
                case "CTNormalization": try ct(channel: channel)
                case "ZScoreNormalization": .zScore(masked: masks[channel])
                case "RescaleTo01Normalization": .rescale
                case "RGBTo01Normalization": .rgb
                case "NoNormalization": .none
                default:
                    throw entries.error(
                        "normalization_schemes",
                        "'\(name)' is not supported; supported: CTNormalization, ZScoreNormalization, "
                            + "RescaleTo01Normalization, RGBTo01Normalization, NoNormalization")
                }
            })
    }

    private func truths(_ key: String, count: Int) throws -> [Bool] {
        guard case .array(let items)? = entries.value(key) else {
            throw entries.error(key, "should be a list of true and false, one per channel")
        }
        let truths = items.compactMap { item in if case .bool(let truth) = item { truth } else { nil } }
        guard truths.count == count, items.count == count else {
            throw entries.error(key, "should have \(count) entries, true or false, one per channel")
        }
        return truths
    }

    /// The CT normalisation of a channel, from the foreground statistics of the training set.
    private func ct(channel: Int) throws -> NNUNetNormalization.Scheme {
        let key = "foreground_intensity_properties_per_channel"
        // The key of early plans.
        let early = "foreground_intensity_properties_by_modality"
        let properties = try shared.required(key, shared.object(key) ?? shared.object(early))
        let numbers = try properties.required("\(channel)", properties.object("\(channel)"))
        func number(_ key: String) throws -> Double { try numbers.required(key, numbers.double(key)) }
        return .ct(
            mean: try number("mean"), deviation: try number("std"), lower: try number("percentile_00_5"),
            upper: try number("percentile_99_5"))
    }

    /// The resampling; nil if the plan keeps the grid.
    private func resampling() throws -> NNUNetResampling? {
        let (data, back) = (try resampler("data"), try resampler("probabilities"))
        guard let data, let back else {
            guard data == nil, back == nil else {
                throw entries.error(
                    "resampling_fn_probabilities", "should keep the grid if and only if resampling_fn_data does")
            }
            return nil
        }
        guard back.order == .linear else {
            throw entries.error("resampling_fn_probabilities_kwargs", "order 3 is not supported; supported: 1")
        }
        let edges = try entries.required("spacing", entries.doubles("spacing"))
        let isFlat = try isTwoDimensional
        guard edges.count == (isFlat ? 2 : 3) else {
            throw entries.error("spacing", "has \(edges.count) numbers, but patch_size has \(isFlat ? 2 : 3)")
        }
        return try entries.naming("spacing") {
            try NNUNetResampling(
                spacing: (isFlat ? [nil] : []) + edges, order: data.order, separation: data.separation,
                separationBack: back.separation)
        }
    }

    /// Checks that a first stage's mask is resampled as MedSeg does it: linearly, class by class, and slice by slice if the
    /// scan is resampled slice by slice.
    func checkLabelResampling() throws {
        guard let labels = try resampler("seg"), let data = try resampler("data") else { return }
        let name = try entries.string("resampling_fn_seg")
        guard name == "resample_data_or_seg_to_shape", labels.order == .linear, labels.separation == data.separation
        else {
            throw entries.error(
                "resampling_fn_seg", "is supported in a cascade only with order 1 and the data's force_separate_z")
        }
    }

    /// The order and separation of a plan's resampling; nil if the plan does not resample.
    private func resampler(
        _ purpose: String
    ) throws -> (order: NNUNetResampling.Order, separation: NNUNetResampling.Separation)? {
        let key = "resampling_fn_\(purpose)"
        let name = try entries.required(key, entries.string(key))
        let options = try entries.required("\(key)_kwargs", entries.object("\(key)_kwargs"))
        let forced = try options.bool("force_separate_z")
        switch name {
        case "no_resampling_data_or_seg_to_shape", "no_resampling_hack": return nil
        case "resample_torch_fornnunet":
            try options.expect("mode", "linear")
            try options.expect("aniso_axis_mode", "nearest-exact")
            try options.expect("separate_z_anisotropy_threshold", 3)
            return (.linear, NNUNetResampling.Separation(forced))
        case "resample_data_or_seg_to_shape":
            try options.expect("order_z", 0)
            try options.expect("separate_z_anisotropy_threshold", 3)
            // With null the spacings decide; an absent key means never, which is the function's default.
            let separation: NNUNetResampling.Separation =
                forced == nil && !options.isNull("force_separate_z") ? .never : .init(forced)
            let number = try options.int("order") ?? 3
            guard let order = NNUNetResampling.Order(rawValue: number) else {
                throw options.error("order", "\(number) is not supported; supported: 1, 3")
            }
            return (order, separation)
        default:
            throw entries.error(
                key,
                "'\(name)' is not supported; supported: resample_data_or_seg_to_shape, resample_torch_fornnunet, "
                    + "no_resampling_data_or_seg_to_shape")
        }
    }
}

extension ConfigReader {
    /// Creates a value; an error of its initializer becomes an error about an entry.
    fileprivate func naming<Value>(_ key: String, _ make: () throws -> Value) throws -> Value {
        do {
            return try make()
        } catch let fault as DataError {
            throw error(key, fault.message)
        }
    }
}
