public import SegCore

/// The geometry of a file's voxels. A file written with this geometry in the same format keeps the header's numbers and
/// unit; only the formats use the header itself.
public struct ScanGeometry: Sendable {
    /// The affine from voxel index to RAS+ mm.
    public let affine: Affine
    /// The sizes of all stored axes.
    public let shape: [Int]
    /// The voxel edges in mm along the first three axes, or fewer, as the file states them.
    public let spacing: [Double]
    /// The unit of the lengths in the file; the lengths in this structure are in mm.
    public let unit: LengthUnit
    /// Whether the file gives the scan's orientation in the patient.
    public let isPlaced: Bool
    /// Sentences about what is repaired or converted on reading, such as a broken sform.
    public let remarks: [String]
    /// The names of labels. They are written with a label map if its format allows; NIfTI stores them in a header
    /// extension.
    public var labels: [Int: String] = [:]
    /// The format's own header, which the format's writer reuses.
    package let header: any ScanHeader

    /// Creates a geometry from the values of a header.
    package init(
        affine: Affine, shape: [Int], spacing: [Double], unit: LengthUnit, isPlaced: Bool, remarks: [String],
        header: any ScanHeader
    ) {
        (self.affine, self.shape, self.spacing) = (affine, shape, spacing)
        (self.unit, self.isPlaced) = (unit, isPlaced)
        (self.remarks, self.header) = (remarks, header)
    }
}

extension ScanGeometry {
    /// Creates the geometry of a volume that was computed, not read.
    public init(affine: Affine, size: Triple) {
        self.init(
            affine: affine, shape: [size.d, size.h, size.w], spacing: affine.spacing, unit: .millimetre,
            isPlaced: true, remarks: [], header: NoHeader())
    }
}

/// The header of a volume that no file contains.
private struct NoHeader: ScanHeader {
    let title = ""
    let details: [(name: String, text: String)] = []
    let isOurs = false
    let fields: any Encodable & Sendable = [String: String]()
}

/// The unit of the lengths in a file.
public enum LengthUnit: String, Hashable, Sendable, Encodable {
    /// Not given; treated as millimetres, as in every other reader.
    case unknown
    /// 1000 mm.
    case metre
    /// 10 mm.
    case centimetre
    /// 1 mm.
    case millimetre
    /// 0.001 mm.
    case micrometre

    /// The length of the unit in millimetres.
    public var millimetres: Double {
        switch self {
        case .unknown, .millimetre: 1
        case .metre: 1000
        case .centimetre: 10
        case .micrometre: 0.001
        }
    }

    /// The sentence of `remark` with a warning, for formats whose units ITK and 3D Slicer ignore.
    var remarkBesideITK: String? {
        remark.map { "\($0.dropLast()), but ITK and 3D Slicer read them as millimetres without conversion." }
    }

    /// A sentence for people if lengths are converted; nil if they are in millimetres already.
    var remark: String? {
        millimetres == 1 ? nil : "The lengths of the header are in \(rawValue)s; they are converted to millimetres."
    }
}

/// The parts of a format's header that are shown to people.
package protocol ScanHeader: Sendable {
    /// The format and the storage of its numbers, such as `NIfTI-1, little endian`.
    var title: String { get }
    /// Other header fields that a person may look for, each with a name and a text.
    var details: [(name: String, text: String)] { get }
    /// Whether MedSeg wrote the file.
    var isOurs: Bool { get }
    /// The stored fields, for the JSON output.
    var fields: any Encodable & Sendable { get }
}
