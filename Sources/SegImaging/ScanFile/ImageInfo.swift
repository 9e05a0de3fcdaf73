import Foundation
public import SegCore

/// What `medseg info` prints of a file.
public struct ImageInfo: Sendable {
    /// Size of the named file on disk, or of the files of a folder that the scan is made of.
    public var bytes: Int
    /// The format and how numbers are stored, such as `NIfTI-1, little endian`.
    public var title: String
    /// What else stands in the header that a person may look for.
    public var details: [(name: String, text: String)]
    /// The header as stored, for programs.
    var header: any Encodable & Sendable
    /// Voxel index → RAS+ mm.
    public var affine: Affine
    /// Axis codes, such as `RAS`.
    public var orientation: String
    /// Extents.
    public var shape: [Int]
    /// Voxel edges in mm along the first three axes at most.
    public var spacing: [Double]
    /// The unit of the lengths in the header; all lengths here but the header's own are in mm.
    public var spaceUnit: LengthUnit
    /// Sentences about what was repaired or converted on reading, such as a broken form.
    public var remarks: [String]
    /// NumPy's name of the stored type.
    public var storedType: String
    /// Largest angle between a voxel axis and its world axis, in degrees to three decimals.
    public var obliqueDegrees: Double
    /// Whether two voxel axes are not perpendicular.
    public var shear: Bool
    /// Voxels that are not a number; minimum, maximum and sum leave them out.
    public var nan: Int
    /// Smallest value after scaling.
    public var minimum: Double
    /// Largest value after scaling.
    public var maximum: Double
    /// Sum of the values after scaling.
    public var sum: Double
    /// Voxels by value, where all values are whole numbers and at most 200.
    public var labels: [Int: Int]?
}

extension ScanFile {
    /// Reads a file and describes it.
    ///
    /// - Throws: `DataError` as `read`.
    public static func inspect(_ path: String) throws(DataError) -> ImageInfo {
        let image = try read(path)
        let (statistics, geometry) = (image.statistics(), image.geometry)
        // Of a pair the header; of a folder all files of the scan.
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
    /// Some lines for a terminal.
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

    /// Writes the keys of the program's JSON; numbers that JSON lacks become `"nan"`, `"inf"` and `"-inf"`.
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

/// A number, or the word for what JSON has no number for.
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
