internal import Foundation
internal import SegCore

/// A header and its voxels, written to two files.
struct ScanPair {
    let header: String
    let voxels: String

    /// Writes both files. A header never exists without its voxels: an earlier header is removed first, the new one is
    /// written last.
    /// - Throws: `DataError` if the name is not allowed in a header, or writing fails; then neither file exists.
    func write(_ lines: [String], _ bytes: [UInt8]) throws(DataError) {
        let name = URL(fileURLWithPath: voxels).lastPathComponent
        guard name == name.trimmingSpaces, !name.contains(where: \.isNewline), !name.hasPrefix("LIST ") else {
            throw DataError(
                .badArgument, header, "cannot contain the name of its voxel file, '\(name)'; choose another name.")
        }
        unlink(header)
        try DurableFile.write(bytes, to: voxels)
        do {
            try DurableFile.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: header)
        } catch {
            unlink(voxels)
            throw error
        }
    }
}
