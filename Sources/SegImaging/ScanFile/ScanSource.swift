package import SegCore
internal import Synchronization

/// A format of scans that another target reads, such as DICOM, in which scans are folders as well as files.
///
/// SegImaging does not depend on libraries of such formats: a program registers its sources when it starts.
package protocol ScanSource: Sendable {
    /// The name of the format for people.
    var name: String { get }
    /// The file extensions of the format, in lower case.
    var endings: [String] { get }
    /// Whether a file has this format, by its first bytes.
    func begins(_ head: [UInt8]) -> Bool
    /// Reads the headers of a file or folder alone.
    /// - Throws: `DataError` as `read`.
    func layout(of path: String) throws(DataError) -> ScanLayout
    /// Reads a file or folder.
    /// - Throws: `DataError` if the path is missing, a file is damaged, or the scan needs more memory than is free.
    func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan
    /// Whether a file contains segments of a scan, such as a DICOM segmentation, rather than a scan.
    func isLabel(_ path: String) -> Bool
    /// Reads the segments of a file as a label map on a scan's grid; nil if the file does not contain segments.
    /// - Parameter classes: The names of classes by number: a segment gets the number of the class with its name. Empty
    ///   for the file's own numbers.
    /// - Throws: `DataError` with all reasons why the file is not a label map of the scan.
    func readLabel(
        _ path: String, on scan: ScanGeometry, classes: [Int: String]
    ) throws(DataError) -> (volume: Volume, geometry: ScanGeometry)?
    /// Whether a file has this format and MedSeg wrote it.
    func isOurs(_ path: String) -> Bool
}

extension ScanFile {
    private static let registered = Mutex<[any ScanSource]>([])

    /// The sources of the program.
    static var sources: [any ScanSource] { registered.withLock { $0 } }

    /// Whether a path is a folder, which only a source reads, or has the extension of a source.
    package static func isOfSource(_ path: String) -> Bool {
        let sources = sources
        guard !sources.isEmpty else { return false }
        return isFolder(path) || sources.contains { $0.endings.contains(where: path.lowercased().hasSuffix) }
    }

    /// Whether a file contains segments of a scan, which only `readLabel` reads.
    package static func isLabel(_ path: String) -> Bool {
        guard case .source(let source)? = try? reader(of: path) else { return false }
        return source.isLabel(path)
    }

    /// Registers a source for all commands; a source of the same name is replaced. The first source reads folders.
    package static func register(_ source: any ScanSource) {
        registered.withLock { sources in
            sources.removeAll { $0.name == source.name }
            sources.append(source)
        }
    }
}

/// The reader of a file: a format of this target, or a source of another target.
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

    /// Whether the file has this format and MedSeg wrote it.
    func isOurs(_ path: String) -> Bool {
        switch self {
        case .format(let format): (try? format.layout(of: path).geometry.header.isOurs) ?? false
        case .source(let source): source.isOurs(path)
        }
    }

    /// The extension of a mask of a scan that this reader reads; NIfTI's if the scan's format is not written.
    var maskEnding: String {
        switch self {
        case .format(let format): format.writtenEndings[0]
        case .source: NIfTI.writtenEndings[0]
        }
    }
}
