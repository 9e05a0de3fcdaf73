internal import SegCore
internal import SegImaging

extension PreprocessingStep {
    /// MONAI's classes that are read, without their modules and without the `d` of those for dictionaries.
    static let classes = [
        "Orientation", "Spacing", "Resize", "ScaleIntensityRange", "ScaleIntensity", "ScaleIntensityRangePercentiles",
        "NormalizeIntensity", "Lambda", "CropForeground", "CenterSpatialCrop", "CenterScaleCrop", "SpatialPad",
        "DivisiblePad",
    ]

    /// Reads the arguments of one of MONAI's classes. An absent one has MONAI's default.
    /// - Parameter name: One of `classes`.
    /// - Throws: `DataError` naming the argument that is missing, wrong or not supported.
    init(class name: String, _ reader: ConfigReader) throws {
        switch name {
        case "Orientation": self = .orientation(try Orientation(reader))
        case "Spacing": self = .spacing(try Spacing(reader))
        case "Resize": self = .resize(try Resize(reader))
        case "ScaleIntensityRange": self = .scaleIntensityRange(try ScaleIntensityRange(reader))
        case "ScaleIntensity": self = .scaleIntensity(try MinMaxScale(reader))
        case "ScaleIntensityRangePercentiles": self = .scaleIntensityRangePercentiles(try PercentileScale(reader))
        case "NormalizeIntensity": self = .normalizeIntensity(try NormalizeIntensity(reader))
        case "Lambda": self = .intensityCurve(try IntensityCurve(reader))
        case "CropForeground": self = .cropForeground(try CropForeground(reader))
        case "CenterSpatialCrop": self = .centerSpatialCrop(CenterSpatialCrop(size: try reader.extents("roi_size")))
        case "CenterScaleCrop":
            self = .centerSpatialCrop(
                try reader.checked("roi_scale") { try CenterSpatialCrop(scale: $0.numbers("roi_scale")) })
        case "SpatialPad":
            self = .spatialPad(
                SpatialPad(
                    size: try reader.extents("spatial_size"), value: try reader.fill(), method: try reader.side()))
        case "DivisiblePad":
            self = .divisiblePad(
                DivisiblePad(divisors: try reader.extents("k"), value: try reader.fill(), method: try reader.side()))
        default:
            throw reader.error(
                "_target_", "'\(name)' is not supported; supported: \(Self.classes.joined(separator: ", "))")
        }
        try reader.expect("lazy", false)
    }

    /// The class and arguments that `init(class:_:)` reads.
    var value: ConfigValue {
        switch self {
        case .nnUNetTranspose, .nnUNetCrop, .nnUNetNormalization, .nnUNetResampling: nnUNetValue ?? .null
        case .orientation(let step): component("Orientation", ["axcodes": .string(step.axisCodes)])
        case .spacing(let step):
            component("Spacing", entries(of: step))
        case .resize(let step): component("Resize", entries(of: step))
        case .scaleIntensityRange(let step): component("ScaleIntensityRange", step.entries)
        case .scaleIntensity(let step):
            component(
                "ScaleIntensity",
                ["minv": .double(step.low), "maxv": .double(step.high), "channel_wise": .bool(step.channelWise)])
        case .scaleIntensityRangePercentiles(let step):
            component(
                "ScaleIntensityRangePercentiles",
                [
                    "lower": .double(step.lower), "upper": .double(step.upper), "b_min": .double(step.bMin),
                    "b_max": .double(step.bMax), "clip": .bool(step.clip), "relative": .bool(step.isRelative),
                    "channel_wise": .bool(step.channelWise),
                ])
        case .normalizeIntensity(let step):
            component(
                "NormalizeIntensity",
                [
                    "subtrahend": parts(step.subtrahend, step), "divisor": parts(step.divisor, step),
                    "nonzero": .bool(step.nonzero), "channel_wise": .bool(step.channelWise),
                ])
        case .intensityCurve(let curve): component("Lambda", ["func": .string("$lambda x: " + curve.rawValue)])
        case .cropForeground(let step):
            component(
                "CropForeground",
                [
                    "margin": whole(step.margins), "k_divisible": whole(step.divisors),
                    "allow_smaller": .bool(step.allowSmaller), "channel_indices": step.channels.map(whole) ?? .null,
                ])
        case .centerSpatialCrop(let step):
            if let scale = step.scale {
                component("CenterScaleCrop", ["roi_scale": numbers(scale)])
            } else {
                component("CenterSpatialCrop", ["roi_size": step.size.map(extents) ?? .null])
            }
        case .spatialPad(let step):
            component(
                "SpatialPad",
                [
                    "spatial_size": extents(step.size), "method": .string(step.method.rawValue),
                    "value": .double(Double(step.value)),
                ])
        case .divisiblePad(let step):
            component(
                "DivisiblePad",
                [
                    "k": extents(step.divisors), "method": .string(step.method.rawValue),
                    "value": .double(Double(step.value)),
                ])
        }
    }

    private func component(_ name: String, _ arguments: [String: ConfigValue]) -> ConfigValue {
        .object(arguments.merging(["_target_": .string(name)]) { $1 })
    }

    private func entries(of step: Spacing) -> [String: ConfigValue] {
        var entries: [String: ConfigValue] = [
            "pixdim": numbers(step.pixdim), "mode": .string(step.interpolation == .nearest ? "nearest" : "bilinear"),
        ]
        if step.padding != .border { entries["padding_mode"] = .string(step.padding.rawValue) }
        if step.isSingle { entries["dtype"] = "$torch.float32" }
        entries["min_pixdim"] = step.keptFrom.map(numbers)
        entries["max_pixdim"] = step.keptTo.map(numbers)
        return entries
    }

    private func entries(of step: Resize) -> [String: ConfigValue] {
        var entries: [String: ConfigValue] = [
            "mode": .string(step.interpolation == .nearest ? "nearest" : "trilinear")
        ]
        if step.alignsCorners { entries["align_corners"] = true }
        switch step.target {
        case .extents(let size): entries["spatial_size"] = extents(size)
        case .longest(let extent): entries.merge(["spatial_size": .int(extent), "size_mode": "longest"]) { $1 }
        }
        return entries
    }

    /// MONAI takes a list for channels and one number for all of them.
    private func parts(_ list: [Double]?, _ step: NormalizeIntensity) -> ConfigValue {
        list.map { step.channelWise ? numbers($0) : .double($0[0]) } ?? .null
    }

    private func numbers(_ list: [Double]) -> ConfigValue { .array(list.map { .double($0) }) }

    private func whole(_ list: [Int]) -> ConfigValue { .array(list.map { .int($0) }) }

    private func extents(_ size: Triple) -> ConfigValue { whole([size.d, size.h, size.w]) }
}

extension ScaleIntensityRange {
    /// The arguments but for MONAI's `dtype`.
    var entries: [String: ConfigValue] {
        [
            "a_min": .double(aMin), "a_max": .double(aMax), "b_min": .double(bMin), "b_max": .double(bMax),
            "clip": .bool(clip),
        ]
    }
}

extension Orientation {
    fileprivate init(_ reader: ConfigReader) throws {
        try reader.expect("as_closest_canonical", false)
        // A table of other letters than L/R, P/A and I/S.
        try reader.expect("labels", [["L", "R"], ["P", "A"], ["I", "S"]])
        self = try Orientation(axisCodes: reader.required("axcodes", reader.orientation("axcodes")))
    }
}

extension Spacing {
    fileprivate init(_ reader: ConfigReader) throws {
        let pixdim = try reader.required("pixdim", reader.spacing("pixdim"))
        let interpolation = try reader.interpolation(
            ["bilinear": .trilinear, "nearest": .nearest], otherwise: "bilinear")
        let side = try reader.string("padding_mode") ?? "border"
        guard let padding = GridPadding(rawValue: side) else {
            throw reader.error("padding_mode", "should be border, zeros or reflection, not '\(side)'")
        }
        // Null stands for the image's own type, which is float32.
        var isSingle = reader.isNull("dtype")
        if let type = try reader.string("dtype") {
            isSingle = ["float32", "$torch.float32"].contains(type)
            guard isSingle || ["float64", "$torch.float64"].contains(type) else {
                throw reader.error("dtype", "'\(type)' is not supported; supported: float64, float32")
            }
        }
        for key in ["diagonal", "align_corners", "scale_extent", "recompute_affine"] { try reader.expect(key, false) }
        let (from, to) = (try reader.spacing("min_pixdim"), try reader.spacing("max_pixdim"))
        self = try reader.checked("pixdim") { _ in
            try Spacing(
                pixdim: pixdim, interpolation: interpolation, padding: padding, isSingle: isSingle, keptFrom: from,
                keptTo: to)
        }
    }
}

extension Resize {
    fileprivate init(_ reader: ConfigReader) throws {
        try reader.expect("anti_aliasing", false)
        try reader.expect("anti_aliasing_sigma", .null)
        try reader.expect("dtype", "float32")
        // MONAI averages areas where nothing is said.
        let modes: [String: Interpolation] = [
            "trilinear": .trilinear, "bilinear": .trilinear, "linear": .trilinear, "nearest": .nearest,
        ]
        let interpolation = try reader.interpolation(modes, otherwise: "area")
        let aligns = try reader.bool("align_corners") ?? false
        guard !aligns || interpolation == .trilinear else {
            throw reader.error("align_corners", "is true, which goes with a linear mode alone")
        }
        let sizeMode = try reader.string("size_mode") ?? "all"
        guard ["all", "longest"].contains(sizeMode) else {
            throw reader.error("size_mode", "should be all or longest, not '\(sizeMode)'")
        }
        let target: Target
        if sizeMode == "all" {
            guard case .array? = reader.value("spatial_size") else {
                throw reader.error("spatial_size", "should be three whole numbers")
            }
            target = .extents(try reader.extents("spatial_size"))
        } else {
            target = .longest(try reader.required("spatial_size", reader.int("spatial_size")))
        }
        self = try reader.checked("spatial_size") { _ in
            try Resize(target, interpolation: interpolation, alignsCorners: aligns)
        }
    }
}

extension ScaleIntensityRange {
    fileprivate init(_ reader: ConfigReader) throws {
        try reader.expect("dtype", "float32")
        let (aMin, aMax) = (try reader.double("a_min"), try reader.double("a_max"))
        let (bMin, bMax) = (try reader.double("b_min"), try reader.double("b_max"))
        self = try ScaleIntensityRange(
            aMin: reader.required("a_min", aMin), aMax: reader.required("a_max", aMax),
            bMin: reader.required("b_min", bMin), bMax: reader.required("b_max", bMax),
            clip: reader.bool("clip") ?? false)
    }
}

extension MinMaxScale {
    fileprivate init(_ reader: ConfigReader) throws {
        try reader.expect("dtype", "float32")
        try reader.expect("factor", .null)
        for key in ["minv", "maxv"] where reader.isNull(key) {
            throw reader.error(key, "null is not supported; give a number")
        }
        self = try MinMaxScale(
            low: reader.double("minv") ?? 0, high: reader.double("maxv") ?? 1,
            channelWise: reader.bool("channel_wise") ?? false)
    }
}

extension PercentileScale {
    fileprivate init(_ reader: ConfigReader) throws {
        try reader.expect("dtype", "float32")
        let (lower, upper) = (try reader.double("lower"), try reader.double("upper"))
        let (bMin, bMax) = (try reader.double("b_min"), try reader.double("b_max"))
        self = try PercentileScale(
            lower: reader.required("lower", lower), upper: reader.required("upper", upper),
            bMin: reader.required("b_min", bMin), bMax: reader.required("b_max", bMax),
            clip: reader.bool("clip") ?? false, isRelative: reader.bool("relative") ?? false,
            channelWise: reader.bool("channel_wise") ?? false)
    }
}

extension NormalizeIntensity {
    fileprivate init(_ reader: ConfigReader) throws {
        try reader.expect("dtype", "float32")
        self = try reader.checked("channel_wise") {
            try NormalizeIntensity(
                subtrahend: $0.oneOrSeveral("subtrahend"), divisor: $0.oneOrSeveral("divisor"),
                nonzero: $0.truth("nonzero"), channelWise: $0.truth("channel_wise"))
        }
    }
}

extension IntensityCurve {
    /// Reads `func`: one of the functions that are known, with any spaces.
    fileprivate init(_ reader: ConfigReader) throws {
        let text = try reader.required("func", reader.string("func"))
        guard let curve = Self.named(text) else {
            let known = Self.allCases.map { "$lambda x: \($0.rawValue)" }.joined(separator: ", ")
            throw reader.error("func", "'\(text)' is Python, which is not run; known are \(known)")
        }
        self = curve
    }

    /// The curve of a `$lambda x: …`, or of `$torch.sigmoid`; nil of any other.
    static func named(_ text: String) -> IntensityCurve? {
        let bare = text.filter { !$0.isWhitespace }
        guard bare != "$torch.sigmoid" else { return .sigmoid }
        return bare.hasPrefix("$lambdax:") ? Self(rawValue: String(bare.dropFirst("$lambdax:".count))) : nil
    }
}

extension CropForeground {
    /// What MONAI's `mode` may be: NumPy's ways to pad and PyTorch's.
    private static let padModes: [ConfigValue] = [
        "constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap",
        "empty", "replicate", "circular",
    ]

    fileprivate init(_ reader: ConfigReader) throws {
        try reader.expect("select_fn", BundleExpression.isPositive)
        try reader.expect("return_coords", false)
        var channels: [Int]?
        if let value = reader.value("channel_indices") {
            channels = try value.wholeNumber.map { [$0] } ?? reader.ints("channel_indices")
        }
        self = try reader.checked("margin") {
            try CropForeground(
                margins: $0.triple("margin", otherwise: 0), divisors: $0.triple("k_divisible", otherwise: 1),
                allowSmaller: $0.bool("allow_smaller") ?? false, channels: channels)
        }
        // The box of the foreground alone lies within the scan, so that nothing is padded.
        let isPadded = margins != [0, 0, 0] || divisors != [1, 1, 1]
        try reader.expect("mode", among: isPadded ? ["constant"] : Self.padModes)
    }
}

extension ConfigReader {
    /// Makes a transform; what its initializer objects to becomes an error about an argument.
    fileprivate func checked<Step>(_ key: String, _ make: (ConfigReader) throws -> Step) throws -> Step {
        do {
            return try make(self)
        } catch let fault as DataError where fault.kind == .badArgument {
            throw error(key, fault.message)
        }
    }

    /// Three whole numbers, or one that stands for three.
    fileprivate func triple(_ key: String, otherwise: Int?) throws -> [Int] {
        guard let value = value(key) else {
            let number = try required(key, otherwise)
            return [number, number, number]
        }
        if let number = value.wholeNumber { return [number, number, number] }
        let numbers = try required(key, ints(key))
        guard numbers.count == 3 else { throw error(key, "should be one whole number or three, not \(value)") }
        return numbers
    }

    /// Extents, of which there may be one for all axes.
    fileprivate func extents(_ key: String) throws -> Triple {
        let numbers = try triple(key, otherwise: nil)
        guard numbers.allSatisfy({ $0 <= Limits.gridAxis }) else {
            throw error(key, "\(numbers) is beyond the \(Limits.gridAxis) voxels that an axis may have")
        }
        // A negative extent leaves its axis, whatever it is.
        return Triple(max(numbers[0], -1), max(numbers[1], -1), max(numbers[2], -1))
    }

    /// Three numbers, or one that stands for three.
    fileprivate func numbers(_ key: String) throws -> [Double] {
        if let number = value(key)?.number { return [number, number, number] }
        return try required(key, doubles(key))
    }

    /// A number or several; nil where it is absent.
    fileprivate func oneOrSeveral(_ key: String) throws -> [Double]? {
        guard let value = value(key) else { return nil }
        return try value.number.map { [$0] } ?? doubles(key)
    }

    /// What Python takes a value for, as MONAI's `if self.nonzero` does: any text but the empty one is true.
    fileprivate func truth(_ key: String) throws -> Bool {
        guard case .string(let text)? = value(key) else { return try bool(key) ?? false }
        return !text.isEmpty
    }

    /// How values between voxels are made, by MONAI's names for it.
    fileprivate func interpolation(_ modes: [String: Interpolation], otherwise: String) throws -> Interpolation {
        let value = value("mode") ?? .string(otherwise)
        guard case .string(let name) = value, let found = modes[name] else {
            throw error("mode", "\(value) is not supported; supported: \(modes.keys.sorted().joined(separator: ", "))")
        }
        return found
    }

    /// The value that a constant padding fills with.
    fileprivate func fill() throws -> Float {
        try expect("mode", "constant")
        let (value, other) = (try double("value"), try double("constant_values"))
        return Float(value ?? other ?? 0)
    }

    /// On which side a padding goes.
    fileprivate func side() throws -> SpatialPad.Method {
        let name = try string("method") ?? "symmetric"
        guard let method = SpatialPad.Method(rawValue: name) else {
            throw error("method", "should be symmetric or end, not '\(name)'")
        }
        return method
    }
}
