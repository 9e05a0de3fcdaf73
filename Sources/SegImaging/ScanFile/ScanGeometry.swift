public import SegCore

/// How a file says where its voxels lie. A file of the same format that is written like it keeps its numbers and its
/// unit; nothing outside the formats looks further.
public struct ScanGeometry: Sendable {
    /// Voxel index → RAS+ mm.
    public let affine: Affine
    /// Extents of all stored axes.
    public let shape: [Int]
    /// Voxel edges in mm along the first three axes at most, as the file states them.
    public let spacing: [Double]
    /// The unit of the lengths in the file; those here are in mm.
    public let unit: LengthUnit
    /// Whether the file says how the scan lies in the patient.
    public let isPlaced: Bool
    /// Sentences about what is repaired or converted on reading, such as a broken form.
    public let remarks: [String]
    /// Names of labels, which a label map that is written like this names, where its format can: a NIfTI in an extension
    /// of its header.
    public var labels: [Int: String] = [:]
    /// The format's own header, which its writer takes up again.
    package let header: any ScanHeader

    /// What a header says.
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
    /// Of a volume that was made, and not read.
    public init(affine: Affine, size: Triple) {
        self.init(
            affine: affine, shape: [size.d, size.h, size.w], spacing: affine.spacing, unit: .millimetre,
            isPlaced: true, remarks: [], header: NoHeader())
    }
}

/// The header of what no file holds.
private struct NoHeader: ScanHeader {
    let title = ""
    let details: [(name: String, text: String)] = []
    let isOurs = false
    let fields: any Encodable & Sendable = [String: String]()
}

/// The unit of the lengths in a file.
public enum LengthUnit: String, Hashable, Sendable, Encodable {
    /// Not said; taken for millimetres, as every other reader does.
    case unknown
    /// 1000 mm.
    case metre
    /// 10 mm.
    case centimetre
    /// 1 mm.
    case millimetre
    /// 0.001 mm.
    case micrometre

    /// Millimetres in the unit.
    public var millimetres: Double {
        switch self {
        case .unknown, .millimetre: 1
        case .metre: 1000
        case .centimetre: 10
        case .micrometre: 0.001
        }
    }

    /// The same for formats whose units ITK and 3D Slicer do not read.
    var remarkBesideITK: String? {
        remark.map { "\($0.dropLast()), while ITK and 3D Slicer take them for millimetres as they are." }
    }

    /// A sentence for people where lengths are converted; nil where they are in millimetres already.
    var remark: String? {
        millimetres == 1 ? nil : "The lengths of the header are in \(rawValue)s; they are converted to millimetres."
    }
}

/// A format's own header, as far as people see it.
package protocol ScanHeader: Sendable {
    /// The format and how numbers are stored, such as `NIfTI-1, little endian`.
    var title: String { get }
    /// What else stands in the header that a person may look for, a name and a text each.
    var details: [(name: String, text: String)] { get }
    /// Whether MedSeg wrote the file.
    var isOurs: Bool { get }
    /// The stored fields, for programs.
    var fields: any Encodable & Sendable { get }
}
