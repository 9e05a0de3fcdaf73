internal import SegCore
internal import SegImaging

extension Preprocessing {
    /// Reads the entry `preprocessing`: an object of MONAI's usual steps, or a list of any of MONAI's and
    /// nnU-Net's in any order.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    init(of model: ConfigReader) throws {
        if case .array(let items)? = model.value("preprocessing") {
            self.init(
                try items.enumerated().map { number, item in
                    let reader = try ConfigReader(item, path: "preprocessing.\(number)", source: model.source)
                    let name = try reader.required("_target_", reader.string("_target_"))
                    let step =
                        try PreprocessingStep(nnUNet: name, reader) ?? PreprocessingStep(class: name, reader)
                    try reader.finish()
                    return step
                })
        } else {
            self = try Self(usual: model.required("preprocessing", model.object("preprocessing")))
        }
    }

    private init(usual reader: ConfigReader) throws {
        try self.init(
            orientation: reader.orientation("orientation"), pixdim: reader.spacing("pixdim"),
            intensity: reader.object("intensity").map { try ScaleIntensityRange(window: $0) },
            cropForeground: reader.bool("crop_foreground") ?? false)
        try reader.finish()
    }

    /// What `init(of:)` reads.
    var value: ConfigValue {
        guard isUsual else { return .array(steps.map(\.value)) }
        var entries: [String: ConfigValue] = ["crop_foreground": .bool(cropForeground)]
        entries["orientation"] = orientation.map { .string($0) }
        entries["pixdim"] = pixdim.map { .array($0.map { .double($0) }) }
        entries["intensity"] = window.map { .object($0.entries) }
        return .object(entries)
    }
}

extension ScaleIntensityRange {
    fileprivate init(window reader: ConfigReader) throws {
        let (bMin, bMax) = (try reader.double("b_min") ?? 0, try reader.double("b_max") ?? 1)
        let (aMin, aMax) = (try reader.double("a_min"), try reader.double("a_max"))
        try self.init(
            aMin: reader.required("a_min", aMin), aMax: reader.required("a_max", aMax), bMin: bMin, bMax: bMax,
            clip: reader.bool("clip") ?? false)
        try reader.finish()
    }
}

extension ConfigReader {
    /// Axis codes such as RAS; nil where they are absent.
    /// - Throws: `DataError` where they name no orientation.
    func orientation(_ key: String) throws -> String? {
        guard let codes = try string(key) else { return nil }
        do {
            _ = try Orientation(axisCodes: codes)
        } catch {
            throw self.error(key, "'\(codes)': \(error.message)")
        }
        return codes
    }

    /// Extents of a voxel in mm; nil where they are absent.
    /// - Throws: `DataError` where they are something else.
    func spacing(_ key: String) throws -> [Double]? {
        guard let extents = try doubles(key) else { return nil }
        guard extents.count == 3, extents.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw error(key, "should be three positive numbers in mm, not \(extents)")
        }
        return extents
    }
}
