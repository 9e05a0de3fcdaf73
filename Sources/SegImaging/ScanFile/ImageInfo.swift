import Foundation
public import SegCore

/// The information that `medseg info` prints about a file.
public struct ImageInfo: Sendable {
    /// The size on disk in bytes: of the file or, if the scan is a folder, of all files in it.
    public var bytes: Int
    /// The format and the storage of its numbers, such as `NIfTI-1, little endian`.
    public var title: String
    /// Other header fields that a person may look for.
    public var details: [(name: String, text: String)]
    /// The header as stored, for the JSON output.
    var header: any Encodable & Sendable
    /// The affine from voxel index to RAS+ mm.
    public var affine: Affine
    /// The axis codes, such as `RAS`.
    public var orientation: String
    /// The size along each axis.
    public var shape: [Int]
    /// The voxel edges in mm along the first three axes, or fewer.
    public var spacing: [Double]
    /// The unit of the lengths in the header; all lengths in this structure except in `header` are in mm.
    public var spaceUnit: LengthUnit
    /// Sentences about what was repaired or converted on reading, such as a broken sform.
    public var remarks: [String]
    /// The NumPy name of the stored type.
    public var storedType: String
    /// The largest angle between a voxel axis and its world axis, in degrees to three decimals.
    public var obliqueDegrees: Double
    /// Whether two voxel axes are not perpendicular.
    public var shear: Bool
    /// The number of voxels that are NaN; minimum, maximum and sum leave them out.
    public var nan: Int
    /// The smallest value after scaling.
    public var minimum: Double
    /// The largest value after scaling.
    public var maximum: Double
    /// The sum of the values after scaling.
    public var sum: Double
    /// The number of voxels of each value; nil unless all values are integers and at most 200 different ones occur.
    public var labels: [Int: Int]?
}

extension ScanFile {
    /// Reads a file and describes it.
    ///
    /// - Throws: `DataError` as `read`.
    public static func inspect(_ path: String) throws(DataError) -> ImageInfo {
        let image = try read(path)
        let (statistics, geometry) = (image.statistics(), image.geometry)
        // For a pair the header alone; for a folder all files of the scan.
        let files = isFolder(path) ? image.layout.files : [path]
        let sizes = files.map { (try? FileManager.default.attributesOfItem(atPath: $0))?[.size] as? Int ?? 0 }
        return ImageInfo(
            bytes: sizes.reduce(0, +), title: geometry.header.title, details: geometry.header.details,
            header: geometry.header.fields, affine: image.affine,
            orientation: image.affine.axisCodes, shape: image.shape, spacing: geometry.spacing,
            spaceUnit: geometry.unit, remarks: geometry.remarks, storedType: image.type.name,
            obliqueDegrees: (image.affine.obliqueDegrees * 1000).rounded() / 1000, shear: image.affine.isSheared,
            nan: statistics.nan, minimum: statistics.minimum, maximum: statistics.maximum, sum: statistics.sum,
            labels: statistics.labels)
    }
}

extension ImageInfo: CustomStringConvertible {
    /// A description of several lines for a terminal.
    public var description: String {
        func list(_ values: [Double]) -> String { values.map { String(format: "%.4g", $0) }.joined(separator: " × ") }
        var lines = [
            "\(title), \(bytes) bytes, stored as \(storedType)",
            "shape        \(shape.map(String.init).joined(separator: "×"))",
            "spacing      \(list(spacing)) mm",
            "orientation  \(orientation)"
                + (obliqueDegrees > 0 ? ", oblique by \(obliqueDegrees) degrees" : "") + (shear ? ", sheared" : ""),
        ]
        lines += details.map { "\($0.name.padding(toLength: 12, withPad: " ", startingAt: 0)) \($0.text)" }
        lines += [
            "affine       "
                + (0..<3).map { row in
                    "[" + (0..<4).map { String(format: "%.5g", affine[row, $0]) }.joined(separator: ", ") + "]"
                }.joined(separator: " "),
            "values       \(minimum) to \(maximum), sum \(sum)" + (nan > 0 ? ", \(nan) NaN" : ""),
        ]
        if let labels {
            let counts = labels.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
            lines.append("labels       \(counts.joined(separator: ", "))")
        }
        lines += remarks.map { "note         \($0)" }
        return lines.joined(separator: "\n")
    }
}

extension ImageInfo: Encodable {
    private enum CodingKeys: String, CodingKey {
        case bytes, header, affine, orientation, shape, spacing, remarks
        case spaceUnit = "space_unit"
        case storedType = "stored_dtype"
        case obliqueDegrees = "oblique_deg"
        case shear, nan
        case minimum = "min"
        case maximum = "max"
        case sum, labels
    }

    /// Writes the keys of the program's JSON; numbers that JSON cannot express become `"nan"`, `"inf"` and `"-inf"`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(bytes, forKey: .bytes)
        try container.encode(header, forKey: .header)
        try container.encode((0..<4).map { row in (0..<4).map { affine[row, $0] } }, forKey: .affine)
        try container.encode(orientation, forKey: .orientation)
        try container.encode(shape, forKey: .shape)
        try container.encode(spacing, forKey: .spacing)
        try container.encode(spaceUnit, forKey: .spaceUnit)
        try container.encode(remarks, forKey: .remarks)
        try container.encode(storedType, forKey: .storedType)
        try container.encode(obliqueDegrees, forKey: .obliqueDegrees)
        try container.encode(shear, forKey: .shear)
        try container.encode(nan, forKey: .nan)
        try container.encode(JSONNumber(minimum), forKey: .minimum)
        try container.encode(JSONNumber(maximum), forKey: .maximum)
        try container.encode(JSONNumber(sum), forKey: .sum)
        let named = labels.map { Dictionary(uniqueKeysWithValues: $0.map { (String($0.key), $0.value) }) }
        try container.encodeIfPresent(named, forKey: .labels)
    }
}

/// A number, or a word in place of a number that JSON cannot express.
struct JSONNumber: Encodable {
    var value: Double

    init(_ value: Double) { self.value = value }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if value.isFinite {
            try container.encode(value)
        } else {
            try container.encode(value.isNaN ? "nan" : value > 0 ? "inf" : "-inf")
        }
    }
}
