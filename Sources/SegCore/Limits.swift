/// The limits of data that are read, expanded or allocated. Larger data are refused, with the reason, before work on
/// them begins.
///
/// `--help` and `docs/limits.md` show `Limits.table`. The limits that a server's owner may change are in
/// `ServerLimits`.
public enum Limits {
    /// Voxels along one axis of a scan that is read: the maximum that a NIfTI-1 header can hold.
    public static let scanAxis = 32_767
    /// Bytes before the voxels of a scan: the header and its extensions.
    public static let scanHeaderBytes = 64 << 20
    /// Bytes of the text header of an NRRD or a MetaImage.
    public static let scanTextHeaderBytes = 1 << 20
    /// Bytes after the voxels of a compressed NIfTI that are read for its checksum.
    public static let scanTrailerBytes = 64 << 20
    /// Files of a folder that are checked for DICOM.
    public static let dicomFiles = 200_000
    /// Frames of all DICOM files of a folder.
    public static let dicomFrames = 100_000
    /// Pixels of one DICOM frame: 8192 × 8192.
    public static let dicomFramePixels = 1 << 26
    /// Voxels along one axis of a resampled grid: 8 m at 1 mm.
    public static let gridAxis = 8_192
    /// Voxels of a resampled grid; a grid that needs too much of the free memory is refused below this limit.
    public static let gridVoxels = 1 << 31
    /// Sliding windows of one prediction.
    public static let windows = 1 << 20
    /// Nesting depth of a JSON or YAML document.
    public static let documentDepth = 64
    /// Values in a JSON document, with the references of a bundle expanded.
    public static let documentNodes = 1 << 20
    /// Bytes of a JSON document, and of all texts of a YAML document with its aliases expanded.
    public static let documentBytes = 64 << 20
    /// Combining characters in a row in a text of JSON or YAML, of a scan's header or of a checkpoint: the limit of
    /// Unicode's stream-safe format (UAX #15).
    public static let combiningRun = 30
    /// Bytes of a YAML document; its parser needs microseconds and hundreds of bytes per value.
    public static let yamlBytes = 256 << 10
    /// Values in a YAML document, with aliases and merge keys expanded.
    public static let yamlNodes = 1 << 15
    /// Characters of a bundle's expressions after all references are expanded.
    public static let expressionCharacters = 1 << 16
    /// Fields of one HTTP form.
    public static let formFields = 32
    /// Files of one HTTP form, such as the slices of a series.
    public static let formFiles = 20_000
    /// Bytes of all fields of one form that are not files.
    public static let formBytes = 1 << 20
    /// Bytes of fields and small bodies in memory for all requests of a server together.
    public static let bodyMemory = 64 << 20
    /// Files and folders in an archive.
    public static let archiveEntries = 200_000
    /// Bytes that an archive may unpack to.
    public static let archiveBytes = 1 << 40
    /// Bytes that an archive may unpack to per byte of the archive, beyond the first 64 MiB.
    public static let archiveRatio = 200
    /// Values in the pickle of a PyTorch checkpoint.
    public static let pickleNodes = 4 << 20
    /// Bytes of the pickle of a PyTorch checkpoint.
    public static let pickleBytes = 64 << 20
    /// Axes of a tensor in a file of weights.
    public static let tensorAxes = 16
}

extension Limits {
    /// A row of the table of limits.
    public struct Row: Sendable {
        /// The name of the limited quantity.
        public let name: String
        /// The limit as text.
        public let value: String

        /// Creates a row.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The rows as lines of text for `--help`.
    public static func text(_ rows: [Row]) -> String {
        rows.map { "  \($0.name): \($0.value)" }.joined(separator: "\n")
    }

    /// All limits above, with their names.
    public static let table: [Row] = [
        Row(name: "voxels along an axis of a scan", value: "\(scanAxis)"),
        Row(name: "bytes before the voxels of a scan", value: ByteCount(bytes: scanHeaderBytes).description),
        Row(
            name: "bytes of the text header of an NRRD or a MetaImage",
            value: ByteCount(bytes: scanTextHeaderBytes).description),
        Row(
            name: "bytes after the voxels of a compressed NIfTI", value: ByteCount(bytes: scanTrailerBytes).description),
        Row(name: "files of a folder that are checked for DICOM", value: "\(dicomFiles)"),
        Row(name: "frames in the DICOM files of a folder", value: "\(dicomFrames)"),
        Row(name: "pixels of a DICOM frame", value: "\(dicomFramePixels)"),
        Row(name: "voxels along an axis of a resampled grid", value: "\(gridAxis)"),
        Row(name: "voxels of a resampled grid", value: "\(gridVoxels)"),
        Row(name: "windows of a prediction", value: "\(windows)"),
        Row(name: "levels of a JSON or YAML document", value: "\(documentDepth)"),
        Row(name: "values of a JSON document, references expanded", value: "\(documentNodes)"),
        Row(name: "values of a YAML document, aliases expanded", value: "\(yamlNodes)"),
        Row(name: "bytes of a JSON document", value: ByteCount(bytes: documentBytes).description),
        Row(name: "combining characters in a row in a text", value: "\(combiningRun)"),
        Row(name: "bytes of a YAML document", value: ByteCount(bytes: yamlBytes).description),
        Row(name: "characters of a bundle's expression, references expanded", value: "\(expressionCharacters)"),
        Row(name: "fields of a form", value: "\(formFields)"),
        Row(name: "files of a form", value: "\(formFiles)"),
        Row(name: "bytes of the fields of a form", value: ByteCount(bytes: formBytes).description),
        Row(
            name: "bytes of fields and small bodies in a server's memory",
            value: ByteCount(bytes: bodyMemory).description),
        Row(name: "entries of an archive", value: "\(archiveEntries)"),
        Row(name: "bytes an archive unpacks to", value: ByteCount(bytes: archiveBytes).description),
        Row(name: "bytes unpacked for each byte of an archive, beyond 64M", value: "\(archiveRatio)"),
        Row(name: "values of a checkpoint's pickle", value: "\(pickleNodes)"),
        Row(name: "bytes of a checkpoint's pickle", value: ByteCount(bytes: pickleBytes).description),
        Row(name: "axes of a tensor in a file of weights", value: "\(tensorAxes)"),
    ]
}
