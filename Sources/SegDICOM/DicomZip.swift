internal import Foundation
internal import SegCore
internal import SegData

/// A ZIP of DICOM files, unpacked into a folder of its own that goes with the value.
final class DicomZip: Sendable {
    let folder: String

    /// Whether a file is a ZIP, by its first bytes.
    static func begins(_ head: some Sequence<UInt8>) -> Bool { head.starts(with: [0x50, 0x4b, 0x03, 0x04]) }

    /// Unpacks a ZIP under the limits of archives; names that lead out of the folder, links and devices are refused.
    /// - Throws: `DataError` where the ZIP is damaged or beyond a limit, or the disk is full.
    init(_ path: String) throws(DataError) {
        let parent = FileManager.default.temporaryDirectory.path
        // Nobody else may read what is a patient's.
        let made = "\(parent)/medseg-dicom-XXXXXX".withCString { template -> String? in
            guard let copy = strdup(template) else { return nil }
            defer { free(copy) }
            return mkdtemp(copy).map { String(cString: $0) }
        }
        guard let made else { throw DataError(.cannotWrite, parent, "has no room for the files of \(path).") }
        folder = made
        try Archive.unpack(path, into: URL(fileURLWithPath: made)) { _ in }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }
}
