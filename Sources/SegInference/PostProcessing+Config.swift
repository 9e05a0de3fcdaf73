public import SegCore
public import SegImaging

extension PostProcessing {
    /// Reads the object `postprocessing`.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader) throws {
        self.init()
        keepsLargest = try reader.bool("largest_component") ?? false
        fillsHoles = try reader.bool("fill_holes") ?? false
        minimumVolumeML = try reader.double("min_volume_ml") ?? 0
        guard minimumVolumeML >= 0, minimumVolumeML.isFinite else {
            throw reader.error("min_volume_ml", "should be a volume of at least 0 ml, not \(minimumVolumeML)")
        }
        let neighbours = try reader.int("connectivity") ?? Connectivity.corners.rawValue
        guard let connectivity = Connectivity(rawValue: neighbours) else {
            throw reader.error("connectivity", "should be 6, 18 or 26 neighbours, not \(neighbours)")
        }
        self.connectivity = connectivity
        try reader.finish()
    }

    /// The object that `init(_:)` reads.
    public var value: ConfigValue {
        [
            "largest_component": .bool(keepsLargest), "fill_holes": .bool(fillsHoles),
            "min_volume_ml": .double(minimumVolumeML), "connectivity": .int(connectivity.rawValue),
        ]
    }
}
