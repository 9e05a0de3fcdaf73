internal import Foundation
internal import SegCore
internal import Synchronization

/// The files below a folder that may be DICOM.
struct DicomFiles: Sendable {
    struct Entry: Sendable {
        var path: String
        /// The path relative to the folder.
        var name: String
        /// Whether the file has DICOM's prefix "DICM" after the preamble.
        var isMarked = false
        /// The reason why a file that should be DICOM is not valid, as the end of a sentence; nil if it may be DICOM.
        var fault: String?

        var isNamedAsDicom: Bool { name.lowercased().hasSuffix(".dcm") }
    }

    private(set) var files: [Entry] = []

    /// The kind of a file by its first bytes.
    private enum Beginning {
        case marked, dataset, other
        case unreadable(String)
    }

    /// Searches a folder, without hidden files. If the path is a file, only that file is used; if it is a DICOMDIR, its folder
    /// is searched.
    /// - Parameter given: The path that errors show.
    init(_ path: String, given: String) throws(DataError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw DataError(.noInput, given, "there is no such file or folder; check the name.")
        }
        let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
        if status.st_mode & S_IFMT == S_IFDIR {
            try walk(url, given: given)
        } else if url.lastPathComponent.uppercased() == "DICOMDIR" {
            try walk(url.deletingLastPathComponent(), given: given)
        } else {
            add([Entry(path: url.path, name: url.lastPathComponent.forPeople)])
        }
        guard !files.isEmpty else {
            throw DataError(.noInput, given, "holds no DICOM file; give the folder of a series, or one of its files.")
        }
    }

    private mutating func walk(_ folder: URL, given path: String) throws(DataError) {
        func name(_ file: URL) -> String { String(file.path.dropFirst(folder.path.count).drop { $0 == "/" }).forPeople }
        let unread = Mutex([Entry]())
        guard
            let walker = FileManager.default.enumerator(
                at: folder, includingPropertiesForKeys: nil, options: [.skipsHiddenFiles],
                errorHandler: { url, _ in
                    unread.withLock { $0.append(Entry(path: url.path, name: name(url), fault: Self.unreadable)) }
                    return true
                })
        else { throw DataError(.noInput, path, "\(Self.unreadable).") }
        var entries: [Entry] = []
        for case let file as URL in walker where !file.lastPathComponent.hasPrefix(".") {
            var status = stat()
            // A broken link counts as a missing file.
            let isThere = stat(file.path, &status) == 0
            guard !isThere || status.st_mode & S_IFMT == S_IFREG else { continue }
            entries.append(Entry(path: file.path, name: name(file), fault: isThere ? nil : Self.unreadable))
            guard entries.count <= Limits.dicomFiles else {
                throw DataError(
                    .tooLarge, path,
                    "holds more than \(Limits.dicomFiles) files, the maximum; give the folder of one series.")
            }
        }
        add(entries + unread.withLock { $0 })
    }

    private static let unreadable = "cannot be opened for reading; check its permissions"

    /// Adds the files that begin like DICOM. Also adds, each with its fault, the files that should be DICOM: files with
    /// the extension `.dcm`, files whose name differs from the name of a DICOM file only in digits, and unreadable
    /// files beside DICOM files.
    private mutating func add(_ entries: [Entry]) {
        var others: [Entry] = []
        for var entry in entries {
            switch entry.fault.map(Beginning.unreadable) ?? Self.beginning(entry.path) {
            case .marked: entry.isMarked = true
            case .dataset: break
            case .unreadable(let why):
                entry.fault = why
                others.append(entry)
                continue
            case .other:
                entry.fault = nil
                others.append(entry)
                continue
            }
            files.append(entry)
        }
        let patterns = Set(files.map(\.pattern))
        for var entry in others {
            let isMeant = entry.isNamedAsDicom || patterns.contains(entry.pattern)
            guard isMeant || entry.fault != nil && !files.isEmpty else { continue }
            entry.fault = entry.fault ?? "is empty or damaged, because it does not begin like a DICOM file"
            files.append(entry)
        }
        files.sort { $0.name < $1.name }
    }

    private static func beginning(_ path: String) -> Beginning {
        guard let handle = FileHandle(forReadingAtPath: path) else { return .unreadable(unreadable) }
        defer { try? handle.close() }
        guard let head = try? Array(handle.read(upToCount: 132) ?? Data()) else {
            return .unreadable("cannot be read to its end")
        }
        guard head.count == 132 else { return .other }
        if DicomSource.isMarked(head) { return .marked }
        // A file without a preamble begins with an element of group 2 or 8, in either byte order.
        return [(2, 0), (8, 0), (0, 8)].contains { $0 == (head[0], head[1]) } ? .dataset : .other
    }
}

extension DicomFiles.Entry {
    /// The name with every run of digits replaced by one `0`.
    fileprivate var pattern: String {
        var pattern = ""
        for character in name {
            let isDigit = character.isASCII && character.isNumber
            if !isDigit || pattern.last != "0" { pattern.append(isDigit ? "0" : character) }
        }
        return pattern
    }
}
