public import SegCore
internal import SegImaging
internal import SegInference

/// The properties of a dataset's scans that a planner needs; `dataset_fingerprint.json`.
public struct NNUNetFingerprint {
    /// The file or folder of the fingerprint.
    let source: String
    /// The voxel spacing of each case in mm, along (z, y, x).
    let spacings: [[Double]]
    /// The size of each case in voxels, after cropping to the nonzero voxels.
    let shapes: [[Int]]
    /// The median share of a scan that is left after cropping.
    let relativeSize: Double
    /// The statistics of each channel's foreground, as in the file.
    let intensities: ConfigValue
    /// Whether the first scan's axes are not perpendicular; unknown for a fingerprint from a file.
    var isSheared = false

    /// The maximum number of voxels of a scan along an axis.
    private static let longest = 1_000_000

    /// Reads a file.
    /// - Parameter training: The training set, for whose channels the file should have statistics.
    /// - Throws: `DataError` that names every entry which is missing or wrong.
    public init(file: String, of training: NNUNetTrainingSet) throws {
        let reader = try ConfigReader(ConfigValue(jsonFile: file), path: "", source: file)
        let faults = FaultList(source: file, key: nil)
        let spacings = faults.part { try Self.triples("spacings", reader) }
        let shapes = faults.part { try Self.triples("shapes_after_crop", reader) }
        let relative = faults.part {
            let key = "median_relative_size_after_cropping"
            return try reader.required(key, reader.double(key))
        }
        let key = "foreground_intensity_properties_per_channel"
        for channel in training.dataset.channels.indices {
            faults.part { try Self.checkStatistics(channel, try reader.required(key, reader.object(key))) }
        }
        if let shapes, !shapes.joined().allSatisfy({ $0.rounded() == $0 && $0 <= Double(Self.longest) }) {
            faults.part { throw reader.error("shapes_after_crop", "should be integers up to \(Self.longest)") }
        }
        if let spacings, let shapes, spacings.count != shapes.count {
            faults.part {
                throw reader.error("spacings", "has \(spacings.count) cases, but shapes_after_crop has \(shapes.count)")
            }
        }
        try faults.finish()
        guard let spacings, let shapes, let relative, let intensities = reader.value(key) else {
            throw DataError(.badData, file, "cannot be understood")
        }
        source = file
        (self.spacings, self.shapes) = (spacings, shapes.map { $0.map { Int($0) } })
        (relativeSize, self.intensities) = (relative, intensities)
    }

    /// Creates a fingerprint from measurements.
    init(
        source: String, spacings: [[Double]], shapes: [[Int]], relativeSizes: [Double],
        intensities: [ForegroundStatistics], isSheared: Bool
    ) {
        self.source = source
        (self.spacings, self.shapes, self.isSheared) = (spacings, shapes, isSheared)
        relativeSize = OrderStatistics.median(relativeSizes)
        let entries = intensities.enumerated().map { ("\($0.offset)", $0.element.document) }
        self.intensities = .object(Dictionary(entries) { $1 })
    }

    /// The content of the file.
    public var document: ConfigValue {
        [
            "spacings": .array(spacings.map { .array($0.map { .double($0) }) }),
            "shapes_after_crop": .array(shapes.map { .array($0.map { .int($0) }) }),
            "foreground_intensity_properties_per_channel": intensities,
            "median_relative_size_after_cropping": .double(relativeSize),
        ]
    }

    /// Reads a list of three positive numbers per case.
    private static func triples(_ key: String, _ reader: ConfigReader) throws -> [[Double]] {
        guard case .array(let rows)? = reader.value(key), !rows.isEmpty else {
            throw reader.error(key, "should be a list of three numbers for each case")
        }
        return try rows.enumerated().map { number, row in
            guard case .array(let items) = row, case let numbers = items.compactMap(\.number),
                items.count == 3, numbers.count == 3, numbers.allSatisfy({ $0.isFinite && (1e-6...1e6).contains($0) })
            else {
                throw reader.error(
                    "\(key).\(number)", "should be three numbers from 0.000001 to 1000000 along (z, y, x), not \(row)")
            }
            return numbers
        }
    }

    private static func checkStatistics(_ channel: Int, _ properties: ConfigReader) throws {
        let numbers = try properties.required("\(channel)", properties.object("\(channel)"))
        for key in ["mean", "median", "std", "min", "max", "percentile_99_5", "percentile_00_5"] {
            _ = try numbers.required(key, numbers.double(key))
        }
    }
}

extension ForegroundStatistics {
    /// The entries of a channel.
    fileprivate var document: ConfigValue {
        [
            "mean": .double(mean), "median": .double(median), "std": .double(deviation), "min": .double(least),
            "max": .double(largest), "percentile_99_5": .double(high), "percentile_00_5": .double(low),
        ]
    }
}
