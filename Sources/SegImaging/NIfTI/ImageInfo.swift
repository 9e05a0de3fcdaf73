import Foundation
public import SegCore

/// What `medseg info` prints of a file.
public struct ImageInfo: Sendable {
    /// Size of the named file on disk.
    public var bytes: Int
    /// The header as stored.
    public var header: NIfTIHeader
    /// Voxel index → RAS+ mm.
    public var affine: Affine
    /// Axis codes, such as `RAS`.
    public var orientation: String
    /// Extents.
    public var shape: [Int]
    /// Voxel edges in mm along the first three axes at most.
    public var spacing: [Double]
    /// The unit of the lengths in the header; all lengths here but the header's own are in mm.
    public var spaceUnit: NIfTIHeader.SpaceUnit
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

extension NIfTI {
    /// Reads a file and describes it.
    ///
    /// - Throws: `DataError` as `read`.
    public static func inspect(_ path: String) throws(DataError) -> ImageInfo {
        let image = try read(path)
        let statistics = image.statistics()
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return ImageInfo(
            bytes: (attributes?[.size] as? Int) ?? 0, header: image.header, affine: image.affine,
            orientation: image.affine.axisCodes, shape: image.shape, spacing: image.spacing,
            spaceUnit: image.header.spaceUnit, remarks: image.header.remarks,
            storedType: image.type.name,
            obliqueDegrees: (image.affine.obliqueDegrees * 1000).rounded() / 1000, shear: image.affine.isSheared,
            nan: statistics.nan, minimum: statistics.minimum, maximum: statistics.maximum, sum: statistics.sum,
            labels: statistics.labels)
    }
}

extension NIfTIImage {
    /// Voxel edges in mm along the first three axes: `pixdim` where the affine agrees with it, else the affine's.
    public var spacing: [Double] {
        (0..<min(3, shape.count)).map { axis in
            let (stored, used) = (
                abs(header.pixdim[axis + 1]) * header.spaceUnit.millimetres, affine.spacing[axis]
            )
            return abs(stored - used) <= 1e-4 * used ? stored : used
        }
    }
}

extension ImageInfo: CustomStringConvertible {
    /// Some lines for a terminal.
    public var description: String {
        func list(_ values: [Double]) -> String { values.map { String(format: "%.4g", $0) }.joined(separator: " x ") }
        var lines = [
            "NIfTI-\(header.version), \(header.endian.rawValue) endian, \(bytes) bytes, stored as \(storedType)",
            "shape        \(shape.map(String.init).joined(separator: " x "))",
            "spacing      \(list(spacing)) mm",
            "orientation  \(orientation)"
                + (obliqueDegrees > 0 ? ", oblique by \(obliqueDegrees) degrees" : "") + (shear ? ", sheared" : ""),
            "scaling      slope \(header.sclSlope), intercept \(header.sclInter)",
            "forms        qform code \(header.qformCode), sform code \(header.sformCode)",
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
        try container.encode(StoredFields(header: header), forKey: .header)
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

/// The raw header fields that the program's JSON shows.
private struct StoredFields: Encodable {
    var header: NIfTIHeader

    enum CodingKeys: String, CodingKey {
        case nifti, endian, dim, datatype, bitpix, pixdim
        case voxOffset = "vox_offset"
        case sclSlope = "scl_slope"
        case sclInter = "scl_inter"
        case xyztUnits = "xyzt_units"
        case qformCode = "qform_code"
        case sformCode = "sform_code"
        case magic
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(header.version, forKey: .nifti)
        try container.encode(header.endian, forKey: .endian)
        try container.encode(header.dim, forKey: .dim)
        try container.encode(header.datatype, forKey: .datatype)
        try container.encode(header.bitpix, forKey: .bitpix)
        try container.encode(header.pixdim.map { JSONNumber($0) }, forKey: .pixdim)
        try container.encode(JSONNumber(header.voxOffset), forKey: .voxOffset)
        try container.encode(JSONNumber(header.sclSlope), forKey: .sclSlope)
        try container.encode(JSONNumber(header.sclInter), forKey: .sclInter)
        try container.encode(header.xyztUnits, forKey: .xyztUnits)
        try container.encode(header.qformCode, forKey: .qformCode)
        try container.encode(header.sformCode, forKey: .sformCode)
        try container.encode(header.magic, forKey: .magic)
    }
}

/// A number, or the word for what JSON has no number for.
private struct JSONNumber: Encodable {
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
