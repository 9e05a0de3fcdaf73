internal import CArchive
package import Foundation
package import SegCore

/// An archive of files: tar, with or without compression, or zip, read by libarchive without starting another program.
package struct Archive {
    // AE_IFREG and AE_IFDIR of archive_entry.h, macros with a cast that Swift does not import.
    private static let fileType: Int32 = 0o100000
    private static let folderType: Int32 = 0o040000

    private let path: String
    private let reader: OpaquePointer
    private let folder: URL
    private var budget: ArchiveBudget

    /// Unpacks every regular file into an existing folder.
    ///
    /// Files that macOS adds (`._*`, `__MACOSX`, `.DS_Store`) are left out. A name that leads outside the folder, a
    /// link or a device ends the unpacking, because a genuine dataset has none. Exceeding a limit of `Limits` also ends
    /// it.
    /// - Parameter progress: Called with the share of the archive that has been read.
    /// - Throws: `DataError` if the archive is damaged, contains such an entry, or a file cannot be written.
    package static func unpack(
        _ path: String, into folder: URL, mostBytes: Int = Limits.archiveBytes, progress: (Double) -> Void
    ) throws(DataError) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw DataError(.noInput, path, "is neither an archive nor a folder; give one of them")
        }
        guard let reader = archive_read_new() else {
            throw DataError(.badData, path, "cannot be read: no memory")
        }
        defer { archive_read_free(reader) }
        for filter in filters { _ = filter(reader) }
        archive_read_support_format_tar(reader)
        archive_read_support_format_zip(reader)
        var archive = Archive(
            path: path, reader: reader, folder: folder,
            budget: ArchiveBudget(archive: path, bytes: Int(status.st_size), folder: folder, mostBytes: mostBytes))
        try archive.unpack(progress: progress)
    }

    private typealias Filter = @Sendable (OpaquePointer?) -> Int32

    /// The compressions that libarchive was built with; for other compressions libarchive would start an external
    /// program.
    private static let filters: [Filter] = {
        let named: [Filter] = [
            { archive_read_support_filter_gzip($0) }, { archive_read_support_filter_bzip2($0) },
            { archive_read_support_filter_xz($0) }, { archive_read_support_filter_zstd($0) },
            { archive_read_support_filter_lz4($0) },
        ]
        guard let trial = archive_read_new() else { return [] }
        defer { archive_read_free(trial) }
        return named.filter { $0(trial) == ARCHIVE_OK }
    }()

    private mutating func unpack(progress: (Double) -> Void) throws(DataError) {
        guard archive_read_open_filename(reader, path, 1 << 20) == ARCHIVE_OK else { throw damaged() }
        var entry: OpaquePointer?
        while true {
            let status = archive_read_next_header(reader, &entry)
            if status == ARCHIVE_EOF { break }
            guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry else { throw damaged() }
            try unpack(entry)
            progress(min(1, Double(archive_filter_bytes(reader, -1)) / Double(max(budget.bytes, 1))))
        }
    }

    private mutating func unpack(_ entry: OpaquePointer) throws(DataError) {
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
        try budget.addEntry()
        switch Int32(archive_entry_filetype(entry)) {
        case Self.folderType: return
        case Self.fileType: break
        default: throw refused(name, "is neither a file nor a folder")
        }
        guard let last = parts.last, !last.hasPrefix("._"), last != ".DS_Store", parts.first != "__MACOSX" else {
            return
        }
        if archive_entry_size_is_set(entry) != 0 { try budget.announce(Int(archive_entry_size(entry))) }
        guard parts.allSatisfy({ $0.utf8.count <= Int(NAME_MAX) }), name.utf8.count < Int(PATH_MAX) / 2 else {
            throw refused(name, "has a name that is too long for a file")
        }
        try write(name, to: folder.appendingPathComponent(parts.joined(separator: "/")))
    }

    /// Writes the bytes of the current entry.
    private mutating func write(_ name: String, to file: URL) throws(DataError) {
        do {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            guard !isInTheWay(of: file) else {
                throw refused(name, "is in a folder, but another entry is a file of that folder's name")
            }
            throw DataError(.cannotWrite, file.path, "its folder cannot be made: \(error.systemReason)")
        }
        let descriptor = open(file.path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            if errno == EISDIR { throw refused(name, "is both a file and a folder") }
            throw DurableFile.unwritable(file.path)
        }
        defer { close(descriptor) }
        var (block, size, offset): (UnsafeRawPointer?, Int, Int64) = (nil, 0, 0)
        var end = 0
        while true {
            let status = archive_read_data_block(reader, &block, &size, &offset)
            // At the end the offset is the file's length, which may lie beyond the last block because of a hole.
            let isEnd = status == ARCHIVE_EOF
            // libarchive only warns of a file in a zip that does not match its checksum or its size.
            guard isEnd || status == ARCHIVE_OK, (0..<Int64.max / 2).contains(offset) else {
                throw damaged()
            }
            // A block after a hole counts with the hole, because a reader of the file reads both.
            let reached = Int(offset) + (isEnd ? 0 : size)
            try budget.addBytes(max(0, reached - end))
            end = max(end, reached)
            if isEnd { break }
            guard let block, size > 0 else { continue }
            guard writeAll(UnsafeRawBufferPointer(start: block, count: size), to: descriptor, at: offset) else {
                throw DurableFile.unwritable(file.path)
            }
        }
        guard end == 0 || ftruncate(descriptor, off_t(end)) == 0 else { throw DurableFile.unwritable(file.path) }
    }

    /// Whether one of the parent folders of a file is itself a file.
    private func isInTheWay(of file: URL) -> Bool {
        var parent = file.deletingLastPathComponent()
        while parent.path.count > folder.path.count {
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: parent.path, isDirectory: &isFolder) {
                return !isFolder.boolValue
            }
            parent = parent.deletingLastPathComponent()
        }
        return false
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int64) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = pwrite(
                descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written,
                off_t(offset) + off_t(written))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    private func refused(_ entry: String, _ reason: String) -> DataError {
        // Control characters in a name could control the terminal.
        let plain = String(
            String.UnicodeScalarView(entry.unicodeScalars.prefix(100)).map { scalar in
                scalar.properties.generalCategory == .control ? "?" : Character(scalar)
            })
        return DataError(
            .badData, path, "its entry '\(plain)' \(reason); nothing was imported. Do not trust this archive.")
    }

    private func damaged() -> DataError {
        let reason = archive_error_string(reader).map(String.init(cString:)) ?? "unknown damage"
        return DataError(
            .badData, path,
            "is not a complete archive (\(reason)): tar, plain or with gzip, bzip2, xz, zstd or lz4, and zip are read. "
                + "Copy or download it again.")
    }
}
