internal import SegCore
internal import SegImaging

extension Preprocessing {
    /// Reads the object `preprocessing`.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader) throws {
        self.init(
            orientation: try reader.orientation("orientation"), pixdim: try reader.spacing("pixdim"),
            intensity: try reader.object("intensity").map { try Intensity($0) },
            cropForeground: try reader.bool("crop_foreground") ?? false)
        try reader.finish()
    }

    /// The object that `init(_:)` reads.
    var value: ConfigValue {
        var entries: [String: ConfigValue] = ["crop_foreground": .bool(cropForeground)]
        entries["orientation"] = orientation.map { .string($0) }
        entries["pixdim"] = pixdim.map { .array($0.map { .double($0) }) }
        entries["intensity"] = intensity.map {
            [
                "a_min": .double($0.aMin), "a_max": .double($0.aMax), "b_min": .double($0.bMin),
                "b_max": .double($0.bMax), "clip": .bool($0.clip),
            ]
        }
        return .object(entries)
    }
}

extension Preprocessing.Intensity {
    fileprivate init(_ reader: ConfigReader) throws {
        let (bMin, bMax) = (try reader.double("b_min") ?? 0, try reader.double("b_max") ?? 1)
        let (aMin, aMax) = (try reader.double("a_min"), try reader.double("a_max"))
        self.init(
            aMin: try reader.required("a_min", aMin), aMax: try reader.required("a_max", aMax), bMin: bMin, bMax: bMax,
            clip: try reader.bool("clip") ?? false)
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
