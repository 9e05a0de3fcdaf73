internal import Foundation
internal import SegCore

/// A header and its voxels, written as two files.
struct ScanPair {
    let header: String
    let voxels: String

    /// Writes both. No header is there while its voxels are not: an earlier one goes first, this one comes last.
    /// - Throws: `DataError` where the name cannot stand in a header, or writing fails; then neither file is there.
    func write(_ lines: [String], _ bytes: [UInt8]) throws(DataError) {
        let name = URL(fileURLWithPath: voxels).lastPathComponent
        guard name == name.trimmingSpaces, !name.contains(where: \.isNewline), !name.hasPrefix("LIST ") else {
            throw DataError(
                .badArgument, header, "cannot name its voxels' file, '\(name)', in its header; choose another name.")
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
