package import SegCore
internal import Synchronization

/// Scans of a format that another target reads, such as DICOM, whose scans are folders as well as files.
///
/// SegImaging depends on no library of such a format: a program registers the sources that it has when it starts.
package protocol ScanSource: Sendable {
    /// The format's name for people.
    var name: String { get }
    /// Endings of its files, in lower case.
    var endings: [String] { get }
    /// Whether a file is of this format, by its first bytes.
    func begins(_ head: [UInt8]) -> Bool
    /// Reads the headers of a file or folder alone.
    /// - Throws: `DataError` as `read`.
    func layout(of path: String) throws(DataError) -> ScanLayout
    /// Reads a file or folder.
    /// - Throws: `DataError` where it is not there, is damaged, or needs more memory than is free.
    func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan
    /// Whether a file is segments of a scan, such as a DICOM segmentation, and no scan itself.
    func isLabel(_ path: String) -> Bool
    /// Reads the segments of such a file as a label map on a scan's grid; nil where the file is none.
    /// - Parameter classes: Names of classes by number, by which segments get their numbers; empty for the file's own numbers.
    /// - Throws: `DataError` with every reason why the file is no label map of the scan.
    func readLabel(
        _ path: String, on scan: ScanGeometry, classes: [Int: String]
    ) throws(DataError) -> (volume: Volume, geometry: ScanGeometry)?
    /// Whether a file is of this format and MedSeg wrote it.
    func isOurs(_ path: String) -> Bool
}

extension ScanFile {
    private static let registered = Mutex<[any ScanSource]>([])

    /// The sources of the program.
    static var sources: [any ScanSource] { registered.withLock { $0 } }

    /// Whether a path is a folder, which only a source reads, or is named as a source's files are.
    package static func isOfSource(_ path: String) -> Bool {
        let sources = sources
        guard !sources.isEmpty else { return false }
        return isFolder(path) || sources.contains { $0.endings.contains(where: path.lowercased().hasSuffix) }
    }

    /// Whether a file is segments of a scan, which only `readLabel` reads.
    package static func isLabel(_ path: String) -> Bool {
        guard case .source(let source)? = try? reader(of: path) else { return false }
        return source.isLabel(path)
    }

    /// Lets every command read scans of a source; one of the same name is replaced. The first takes folders.
    package static func register(_ source: any ScanSource) {
        registered.withLock { sources in
            sources.removeAll { $0.name == source.name }
            sources.append(source)
        }
    }
}

/// What reads a file: a format of this target, or a source of another.
enum ScanReader {
    case format(any ScanFormat.Type)
    case source(any ScanSource)

    func layout(of path: String) throws(DataError) -> ScanLayout {
        switch self {
        case .format(let format): try format.layout(of: path)
        case .source(let source): try source.layout(of: path)
        }
    }

    func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan {
        switch self {
        case .format(let format): try format.read(path, limits: limits)
        case .source(let source): try source.read(path, limits: limits)
        }
    }

    /// Whether MedSeg wrote a file of the format.
    func isOurs(_ path: String) -> Bool {
        switch self {
        case .format(let format): (try? format.layout(of: path).geometry.header.isOurs) ?? false
        case .source(let source): source.isOurs(path)
        }
    }

    /// The ending that a mask of such a scan gets; NIfTI's where the scan's format is not written.
    var maskEnding: String {
        switch self {
        case .format(let format): format.writtenEndings[0]
        case .source: NIfTI.writtenEndings[0]
        }
    }
}
