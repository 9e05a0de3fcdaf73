/// One frame of a file with its geometry. Lengths are in mm, in DICOM's axes, which point to the left, posterior and
/// superior.
struct DicomFrame: Sendable {
    typealias Vector = SIMD3<Double>

    let image: DicomImage
    /// The frame's number in its file, from 0.
    let index: Int
    /// The centre of the first pixel.
    var position: Vector?
    /// The unit vectors along a row, with rising column index, and along a column, with rising row index.
    var directions: (row: Vector, column: Vector)?
    /// The distances between rows and between columns.
    var spacing: (rows: Double, columns: Double)?
    /// value = stored * slope + intercept.
    var slope = 1.0
    var intercept = 0.0
    /// The values that may distinguish volumes at the same positions, in the order of `keyNames`.
    var keys: [String] = []
    /// The reason why the series cannot be read, as the end of a sentence; nil if the series can be read.
    var fault: String?

    /// The names of the attributes of `keys`.
    static let keyNames = [
        "TemporalPositionIdentifier", "TemporalPositionIndex", "AcquisitionNumber", "EchoTime", "frame type",
        "b-value", "AcquisitionTime", "ContentTime", "instance",
    ]

    /// The frame's name in messages: the file, the InstanceNumber and the frame number.
    var name: String {
        let number = image.instanceNumber.isEmpty ? "" : ", InstanceNumber \(image.instanceNumber.prefix(12))"
        return "\(image.name)\(number)" + (index > 0 ? ", frame \(index + 1)" : "")
    }

    /// The names of the missing attributes without which the frame's position is unknown.
    var missingGeometry: String {
        [
            ("ImagePositionPatient", position == nil), ("ImageOrientationPatient", directions == nil),
            ("PixelSpacing", spacing == nil),
        ].filter(\.1).map(\.0).joined(separator: ", ")
    }

    /// The cross product of the two directions: slices are sorted in this direction.
    var normal: Vector? { directions.map { $0.row.cross($0.column) } }
}

extension DicomFrame {
    /// Reads a frame of an open file.
    init(_ file: DicomFile, of image: DicomImage, index: Int) {
        (self.image, self.index, fault) = (image, index, image.fault)
        let hasGroups = file.frameItems > 0
        // Searches the frame's own functional groups, then the shared groups, then the data set.
        func find(_ group: UInt32, _ tag: UInt32) -> String? {
            (hasGroups ? file.text(group, tag, in: .frame(index)) : nil) ?? file.text(group, tag, in: .shared)
                ?? file.text(tag)
        }
        func numbers(_ text: String?, _ count: Int) -> [Double]? {
            let values = text?.split(separator: "\\").compactMap { Double($0.filter { $0 != " " }) } ?? []
            return values.count == count && values.allSatisfy(\.isFinite) ? values : nil
        }
        position = numbers(find(DicomTag.planePosition, DicomTag.imagePosition), 3).map { Vector($0) }
        if let cosines = numbers(find(DicomTag.planeOrientation, DicomTag.imageOrientation), 6) {
            directions = Self.directions(cosines)
        }
        if let lengths = numbers(find(DicomTag.pixelMeasures, DicomTag.pixelSpacing), 2),
            lengths.allSatisfy({ $0 > 0 })
        {
            spacing = (lengths[0], lengths[1])
        }
        let slopeText = find(DicomTag.pixelValueTransformation, DicomTag.rescaleSlope)
        let interceptText = find(DicomTag.pixelValueTransformation, DicomTag.rescaleIntercept)
        slope = slopeText.map { Double($0) ?? .nan } ?? 1
        intercept = interceptText.map { Double($0) ?? .nan } ?? 0
        if fault == nil, !slope.isFinite || slope == 0 || !intercept.isFinite {
            fault =
                "has RescaleSlope '\(slopeText?.prefix(20) ?? "")' and RescaleIntercept '\(interceptText?.prefix(20) ?? "")', "
                + "with which values cannot be computed"
        }
        if fault == nil { fault = geometryFault }
        keys = Self.keys(file, index: index, find: find)
    }

    /// The largest coordinate and pixel spacing that are accepted, in mm.
    private static let largestLength = 1e6

    /// The reason why the frame's geometry cannot be right, as the end of a sentence.
    private var geometryFault: String? {
        let most = "at most \(Int(Self.largestLength)) mm were expected"
        if let position, (0..<3).contains(where: { abs(position[$0]) > Self.largestLength }) {
            return "has an ImagePositionPatient of " + (0..<3).map { "\(position[$0])" }.joined(separator: ", ") + "; "
                + most
        }
        if let spacing, max(spacing.rows, spacing.columns) > Self.largestLength {
            return "has a PixelSpacing of \(spacing.rows), \(spacing.columns); " + most
        }
        return nil
    }

    /// Both directions as unit vectors; nil if they are not directions or not at right angles.
    private static func directions(_ cosines: [Double]) -> (row: Vector, column: Vector)? {
        let (row, column) = (Vector(cosines[0..<3]), Vector(cosines[3..<6]))
        guard (0.5...2).contains(row.length), (0.5...2).contains(column.length) else { return nil }
        let unit = (row: row / row.length, column: column / column.length)
        return abs(unit.row.dot(unit.column)) < 1e-2 ? unit : nil
    }

    private static func keys(_ file: DicomFile, index: Int, find: (UInt32, UInt32) -> String?) -> [String] {
        let hasGroups = file.frameItems > 0
        let frameType =
            find(DicomTag.mrImageFrameType, DicomTag.frameType) ?? find(DicomTag.ctImageFrameType, DicomTag.frameType)
        return [
            file.text(DicomTag.temporalPositionIdentifier),
            hasGroups ? file.text(DicomTag.frameContent, DicomTag.temporalPositionIndex, in: .frame(index)) : nil,
            file.text(DicomTag.acquisitionNumber),
            find(DicomTag.mrEcho, DicomTag.effectiveEchoTime) ?? file.text(DicomTag.echoTime),
            frameType ?? file.text(DicomTag.imageType), find(DicomTag.mrDiffusion, DicomTag.diffusionBValue),
            file.text(DicomTag.acquisitionTime), file.text(DicomTag.contentTime),
            file.text(DicomTag.sopInstance) ?? file.text(DicomTag.mediaStorageInstance, in: .meta),
        ].map { $0 ?? "" }
    }
}

extension SIMD3<Double> {
    func dot(_ other: Self) -> Double { (self * other).sum() }

    func cross(_ other: Self) -> Self {
        Self(y * other.z - z * other.y, z * other.x - x * other.z, x * other.y - y * other.x)
    }

    var length: Double { dot(self).squareRoot() }
}
