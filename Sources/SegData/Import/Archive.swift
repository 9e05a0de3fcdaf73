internal import CArchive
internal import Foundation
internal import SegCore
internal import SegImaging

/// An archive of files: tar, compressed or not, or zip, as libarchive reads them.
struct Archive {
    // AE_IFREG and AE_IFDIR of archive_entry.h, macros with a cast that Swift does not import.
    private static let fileType: Int32 = 0o100000
    private static let folderType: Int32 = 0o040000

    private let path: String
    private let reader: OpaquePointer

    /// Unpacks every regular file under a folder that exists.
    ///
    /// What a Mac adds (`._*`, `__MACOSX`, `.DS_Store`) is left out. A name that leads outside the folder, a link or a
    /// device ends the unpacking: an honest dataset has none.
    /// - Parameter progress: Called with the share of the archive that is read.
    /// - Throws: `DataError` where the archive is damaged, holds such an entry, or a file cannot be written.
    static func unpack(_ path: String, into folder: URL, progress: (Double) -> Void) throws(DataError) {
        guard let reader = archive_read_new() else {
            throw DataError(.badData, path, "cannot be read: no memory")
        }
        defer { archive_read_free(reader) }
        archive_read_support_filter_all(reader)
        archive_read_support_format_tar(reader)
        archive_read_support_format_zip(reader)
        try Archive(path: path, reader: reader).unpack(into: folder, progress: progress)
    }

    private func unpack(into folder: URL, progress: (Double) -> Void) throws(DataError) {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        let size = Double((attributes?[.size] as? Int) ?? 0)
        guard archive_read_open_filename(reader, path, 1 << 20) == ARCHIVE_OK else { throw damaged() }
        var entry: OpaquePointer?
        while true {
            let status = archive_read_next_header(reader, &entry)
            if status == ARCHIVE_EOF { break }
            guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry else { throw damaged() }
            try unpack(entry, into: folder)
            progress(min(1, Double(archive_filter_bytes(reader, -1)) / max(size, 1)))
        }
    }

    private func unpack(_ entry: OpaquePointer, into folder: URL) throws(DataError) {
        guard
            let name = (archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry)).map(String.init(cString:))
        else { throw DataError(.badData, path, "holds an entry without a name; pack it again") }
        let parts = name.split(separator: "/").filter { $0 != "." }
        guard !name.hasPrefix("/"), !parts.contains("..") else {
            throw refused(name, "leads outside the folder it is unpacked into")
        }
        guard archive_entry_hardlink(entry) == nil, archive_entry_symlink(entry) == nil else {
            throw refused(name, "is a link")
        }
        switch Int32(archive_entry_filetype(entry)) {
        case Self.folderType: return
        case Self.fileType: break
        default: throw refused(name, "is neither a file nor a folder")
        }
        guard let last = parts.last, !last.hasPrefix("._"), last != ".DS_Store", parts.first != "__MACOSX" else {
            return
        }
        try write(to: folder.appendingPathComponent(parts.joined(separator: "/")))
    }

    /// Writes the bytes of the current entry.
    private func write(to file: URL) throws(DataError) {
        do {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw DataError(.cannotWrite, file.path, "its folder cannot be made; check space and permissions")
        }
        let descriptor = open(file.path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else {
            throw DataError(.cannotWrite, file.path, "cannot be written; check space and permissions")
        }
        defer { close(descriptor) }
        switch archive_read_data_into_fd(reader, descriptor) {
        case ARCHIVE_OK, ARCHIVE_EOF: return
        default:
            if [ENOSPC, EDQUOT, EIO].contains(archive_errno(reader)) {
                throw DataError(.cannotWrite, file.path, "cannot be written; check the disk's space")
            }
            throw damaged()
        }
    }

    private func refused(_ entry: String, _ reason: String) -> DataError {
        DataError(.badData, path, "its entry '\(entry)' \(reason); nothing was imported. Do not trust this archive.")
    }

    private func damaged() -> DataError {
        let reason = archive_error_string(reader).map(String.init(cString:)) ?? "unknown damage"
        return DataError(
            .badData, path, "is no whole tar or zip archive (\(reason)); copy or download it again")
    }
}
