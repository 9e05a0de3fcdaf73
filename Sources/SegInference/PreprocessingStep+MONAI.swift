internal import SegCore
internal import SegImaging

extension Orientation {
    /// The arguments of MONAI's `Orientation`.
    static func coded(_ step: Orientation?, by coder: ConfigCoder) throws -> Orientation {
        try coder.expect("as_closest_canonical", false)
        // Only the letters L/R, P/A and I/S are supported.
        try coder.expect("labels", [["L", "R"], ["P", "A"], ["I", "S"]])
        return try Orientation(axisCodes: coder.required("axcodes", step?.axisCodes, .axisCodes))
    }
}

extension Spacing {
    /// The arguments of MONAI's `Spacing`.
    static func coded(_ step: Spacing?, by coder: ConfigCoder) throws -> Spacing {
        for key in ["diagonal", "align_corners", "scale_extent", "recompute_affine"] { try coder.expect(key, false) }
        let pixdim = try coder.required("pixdim", step?.pixdim, .spacing)
        let interpolation = try coder.value(
            "mode", step?.interpolation ?? .trilinear, .named(["bilinear": .trilinear, "nearest": .nearest]))
        let padding = try coder.given(
            "padding_mode", step.flatMap { $0.padding == .border ? nil : $0.padding },
            .name)
        // Null stands for the image's own type, which is float32.
        let isSingle =
            try coder.given("dtype", step.flatMap { $0.isSingle ? true : nil }, .isSingle)
            ?? (coder.reader?.isNull("dtype") ?? false)
        let keptFrom = try coder.given("min_pixdim", step?.keptFrom, .spacing)
        let keptTo = try coder.given("max_pixdim", step?.keptTo, .spacing)
        return try coder.checked("pixdim") {
            try Spacing(
                pixdim: pixdim, interpolation: interpolation, padding: padding ?? .border, isSingle: isSingle,
                keptFrom: keptFrom, keptTo: keptTo)
        }
    }
}

extension Resize {
    /// The arguments of MONAI's `Resize`.
    static func coded(_ step: Resize?, by coder: ConfigCoder) throws -> Resize {
        try coder.expect("anti_aliasing", false)
        try coder.expect("anti_aliasing_sigma", .null)
        try coder.expect("dtype", "float32")
        try coder.check(
            "mode", coder.reader?.value("mode") != nil,
            "is missing and defaults to area in MONAI, which is not supported; give trilinear or nearest")
        let interpolation = try coder.required(
            "mode", step?.interpolation,
            .named(["trilinear": .trilinear, "bilinear": .trilinear, "linear": .trilinear, "nearest": .nearest]))
        let aligns =
            try coder.given("align_corners", step.flatMap { $0.alignsCorners ? true : nil }, .bool) ?? false
        try coder.check(
            "align_corners", !aligns || interpolation == .trilinear,
            "is true, which is supported only with a linear mode")
        let target = try Target.coded(step?.target, by: coder)
        return try coder.checked("spatial_size") {
            try Resize(target, interpolation: interpolation, alignsCorners: aligns)
        }
    }
}

extension Resize.Target {
    fileprivate static func coded(_ target: Self?, by coder: ConfigCoder) throws -> Self {
        var (extents, longest): (Triple?, Int?)
        switch target {
        case .extents(let size): extents = size
        case .longest(let extent): longest = extent
        case nil: break
        }
        let isLongest =
            try coder.given("size_mode", longest.map { _ in true }, .named(["all": false, "longest": true])) ?? false
        guard !isLongest else { return .longest(try coder.required("spatial_size", longest, .int)) }
        // For a 3-D image, MONAI accepts a single number only with size_mode "longest".
        try coder.check(
            "spatial_size", coder.reader?.value("spatial_size")?.number == nil, "should be three integers")
        return .extents(try coder.required("spatial_size", extents, .extents))
    }
}

extension ScaleIntensityRange {
    /// The arguments of MONAI's `ScaleIntensityRange`.
    static func coded(_ step: ScaleIntensityRange?, by coder: ConfigCoder) throws -> ScaleIntensityRange {
        coder.know("a_min", "a_max", "b_min", "b_max")
        try coder.expect("dtype", "float32")
        return try coded(
            step, bMin: coder.required("b_min", step?.bMin, .number),
            bMax: coder.required("b_max", step?.bMax, .number), by: coder)
    }

    /// Reads or writes the object `intensity`, in which `b_min` and `b_max` may be absent.
    static func codedWindow(_ step: ScaleIntensityRange?, by coder: ConfigCoder) throws -> ScaleIntensityRange {
        coder.know("a_min", "a_max")
        return try coded(
            step, bMin: coder.value("b_min", step?.bMin ?? 0, .number),
            bMax: coder.value("b_max", step?.bMax ?? 1, .number), by: coder)
    }

    private static func coded(
        _ step: ScaleIntensityRange?, bMin: Double, bMax: Double, by coder: ConfigCoder
    ) throws -> ScaleIntensityRange {
        try ScaleIntensityRange(
            aMin: coder.required("a_min", step?.aMin, .number), aMax: coder.required("a_max", step?.aMax, .number),
            bMin: bMin, bMax: bMax, clip: coder.value("clip", step?.clip ?? false, .bool))
    }
}

extension MinMaxScale {
    /// The arguments of MONAI's `ScaleIntensity`.
    static func coded(_ step: MinMaxScale?, by coder: ConfigCoder) throws -> MinMaxScale {
        try coder.expect("dtype", "float32")
        try coder.expect("factor", .null)
        func end(_ key: String, _ value: Double) throws -> Double {
            try coder.check(key, coder.reader?.isNull(key) != true, "null is not supported; give a number")
            return try coder.value(key, value, .number)
        }
        return try MinMaxScale(
            low: end("minv", step?.low ?? 0), high: end("maxv", step?.high ?? 1),
            channelWise: coder.value("channel_wise", step?.channelWise ?? false, .bool))
    }
}

extension PercentileScale {
    /// The arguments of MONAI's `ScaleIntensityRangePercentiles`.
    static func coded(_ step: PercentileScale?, by coder: ConfigCoder) throws -> PercentileScale {
        coder.know("b_min", "b_max")
        try coder.expect("dtype", "float32")
        return try PercentileScale(
            lower: coder.required("lower", step?.lower, .number), upper: coder.required("upper", step?.upper, .number),
            bMin: coder.required("b_min", step?.bMin, .number), bMax: coder.required("b_max", step?.bMax, .number),
            clip: coder.value("clip", step?.clip ?? false, .bool),
            isRelative: coder.value("relative", step?.isRelative ?? false, .bool),
            channelWise: coder.value("channel_wise", step?.channelWise ?? false, .bool))
    }
}

extension NormalizeIntensity {
    /// The arguments of MONAI's `NormalizeIntensity`.
    static func coded(_ step: NormalizeIntensity?, by coder: ConfigCoder) throws -> NormalizeIntensity {
        try coder.expect("dtype", "float32")
        let channelWise = try coder.value("channel_wise", step?.channelWise ?? false, .truth)
        let subtrahend = try coder.optional("subtrahend", step?.subtrahend, .oneOrSeveral(asList: channelWise))
        let divisor = try coder.optional("divisor", step?.divisor, .oneOrSeveral(asList: channelWise))
        let nonzero = try coder.value("nonzero", step?.nonzero ?? false, .truth)
        return try coder.checked("channel_wise") {
            try NormalizeIntensity(
                subtrahend: subtrahend, divisor: divisor, nonzero: nonzero, channelWise: channelWise)
        }
    }
}

extension IntensityCurve {
    /// The curve of a `$lambda x: …`, with any spaces, or of `$torch.sigmoid`; nil for any other text.
    static func named(_ text: String) -> IntensityCurve? {
        let bare = text.filter { !$0.isWhitespace }
        guard bare != "$torch.sigmoid" else { return .sigmoid }
        return bare.hasPrefix("$lambdax:") ? Self(rawValue: String(bare.dropFirst("$lambdax:".count))) : nil
    }
}

extension CropForeground {
    /// The values of MONAI's `mode`: the padding modes of NumPy and PyTorch.
    private static let padModes: [ConfigValue] = [
        "constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap",
        "empty", "replicate", "circular",
    ]

    /// The arguments of MONAI's `CropForeground`.
    static func coded(_ step: CropForeground?, by coder: ConfigCoder) throws -> CropForeground {
        try coder.expect("select_fn", BundleExpression.isPositive)
        try coder.expect("return_coords", false)
        let channels = try coder.optional("channel_indices", step?.channels, .indices)
        let margins = try coder.value("margin", step?.margins ?? [0, 0, 0], .triple)
        let divisors = try coder.value("k_divisible", step?.divisors ?? [1, 1, 1], .triple)
        let allowSmaller = try coder.value("allow_smaller", step?.allowSmaller ?? false, .bool)
        // The box of the foreground without margins lies within the scan, so nothing is padded.
        let isPadded = margins != [0, 0, 0] || divisors != [1, 1, 1]
        try coder.reader?.expect("mode", among: isPadded ? ["constant"] : padModes)
        return try coder.checked("margin") {
            try CropForeground(margins: margins, divisors: divisors, allowSmaller: allowSmaller, channels: channels)
        }
    }
}

extension CenterSpatialCrop {
    /// The arguments of MONAI's `CenterScaleCrop`.
    static func coded(_ scale: [Double]?, by coder: ConfigCoder) throws -> CenterSpatialCrop {
        let scale = try coder.required("roi_scale", scale, .oneOrSeveral(asList: true))
        return try coder.checked("roi_scale") {
            try CenterSpatialCrop(scale: scale.count == 1 ? [scale[0], scale[0], scale[0]] : scale)
        }
    }
}

extension SpatialPad {
    /// The arguments of MONAI's `SpatialPad`.
    static func coded(_ step: SpatialPad?, by coder: ConfigCoder) throws -> SpatialPad {
        SpatialPad(
            size: try coder.required("spatial_size", step?.size, .extents), value: try coder.fill(step?.value),
            method: try coder.value("method", step?.method ?? .symmetric, .side))
    }
}

extension DivisiblePad {
    /// The arguments of MONAI's `DivisiblePad`.
    static func coded(_ step: DivisiblePad?, by coder: ConfigCoder) throws -> DivisiblePad {
        DivisiblePad(
            divisors: try coder.required("k", step?.divisors, .extents), value: try coder.fill(step?.value),
            method: try coder.value("method", step?.method ?? .symmetric, .side))
    }
}

extension ConfigCoder {
    /// Makes keys known before they are read; an error then does not suggest that one of them is a misspelling of another.
    func know(_ keys: String...) {
        for key in keys { _ = reader?.value(key) }
    }

    /// The value of constant padding; MONAI also accepts it under NumPy's name, `constant_values`.
    fileprivate func fill(_ value: Float?) throws -> Float {
        try expect("mode", "constant")
        let other = try reader?.double("constant_values") ?? 0
        return try self.value("value", value ?? Float(other), .number)
    }
}
