internal import CDicom
internal import Foundation
internal import SegCore
internal import Synchronization

/// The DICOM files below a folder or in a ZIP, or one file, by their headers.
struct DicomFolder: Sendable {
    /// A file that holds no slice of a scan.
    struct LeftOut: Sendable {
        var name: String
        /// What it is, such as `a colour picture`.
        var why: String
    }

    /// The folder or file as it was given.
    let path: String
    let functions: dicom_library
    /// The unpacked files of a ZIP; nil for folders and files.
    let zip: DicomZip?
    /// Every picture, in an order that does not depend on the files' names.
    private(set) var frames: [DicomFrame] = []
    /// Files that are DICOM and no slices.
    private(set) var leftOut: [LeftOut] = []
    /// A file whose series cannot be trusted.
    struct Damaged: Sendable {
        var name: String
        /// SeriesInstanceUID; nil where the damage begins before it.
        var series: String?
        /// What is wrong, as the end of a sentence.
        var why: String
    }

    /// Files that are damaged.
    private(set) var damaged: [Damaged] = []

    /// Reads the headers, on all cores.
    /// - Throws: `DataError` where nothing is there, no library is, or files are more than the limits allow.
    init(_ path: String) throws(DataError) {
        self.path = path
        functions = try DicomLibrary.functions(for: path)
        zip = DicomFiles.isZip(path) ? try DicomZip(path) : nil
        let files = try DicomFiles(zip?.folder ?? path, given: path)
        let found = Mutex([Int: Found]())
        let functions = functions
        concurrently(files.files.count) { part in
            for number in part {
                let result = Self.header(of: files.files[number], functions)
                found.withLock { $0[number] = result }
            }
        }
        let results = found.withLock { $0 }
        for number in files.files.indices { add(results[number] ?? .nothing) }
        guard frames.count <= Limits.dicomFrames else {
            throw DataError(
                .tooLarge, path,
                "holds \(frames.count) pictures; at most \(Limits.dicomFrames) are read. Give one series.")
        }
        frames.sort { Self.order($0) < Self.order($1) }
    }

    private static func order(_ frame: DicomFrame) -> (String, String, Int, String) {
        (frame.image.series, frame.image.instance, frame.index, frame.image.name)
    }

    private enum Found: Sendable {
        case nothing
        case leftOut(LeftOut)
        case damaged(Damaged)
        case frames([DicomFrame])
    }

    private mutating func add(_ found: Found) {
        switch found {
        case .nothing: break
        case .leftOut(let file): leftOut.append(file)
        case .damaged(let file): damaged.append(file)
        case .frames(let found): frames += found
        }
    }

    private static func header(of entry: DicomFiles.Entry, _ functions: dicom_library) -> Found {
        let file: DicomFile
        do throws(DicomFile.Fault) {
            file = try DicomFile(entry.path, functions)
        } catch {
            if entry.isMarked {
                return .damaged(
                    Damaged(name: entry.name, series: nil, why: "\(error.message); copy or export it again"))
            }
            return entry.isNamedAsDicom ? .leftOut(LeftOut(name: entry.name, why: error.message)) : .nothing
        }
        let image = DicomImage(file, path: entry.path, name: entry.name)
        // A DICOMDIR lists files that are read themselves.
        if image.sopClass == "1.2.840.10008.1.3.10" { return .nothing }
        if let kind = DicomClass.leftOut(image.sopClass) { return .leftOut(LeftOut(name: entry.name, why: kind)) }
        let hasPixels = [DicomTag.pixels, DicomTag.floatPixels, DicomTag.doublePixels].contains { file.has($0) }
        if file.damage != nil {
            // Bytes that only look like DICOM at their start are some other file's.
            guard entry.isMarked || image.rows > 0 else { return .nothing }
            return .damaged(
                Damaged(
                    name: entry.name, series: file.has(DicomTag.seriesInstance) ? image.series : nil,
                    why: image.fault ?? "is damaged"))
        }
        guard !image.sopClass.isEmpty, image.rows > 0, hasPixels else {
            guard entry.isMarked || entry.isNamedAsDicom else { return .nothing }
            let kind = image.modality.isEmpty ? "" : " (\(image.modality.prefix(16)))"
            return .leftOut(LeftOut(name: entry.name, why: "without a picture\(kind)"))
        }
        guard file.number(DicomTag.samplesPerPixel) ?? 1 == 1 else {
            return .leftOut(LeftOut(name: entry.name, why: "a colour picture"))
        }
        let count = image.fault == nil ? DicomImage.frameCount(file) : 1
        guard count <= Limits.dicomFrames else {
            return .leftOut(LeftOut(name: entry.name, why: "of \(count) frames, more than are read"))
        }
        return .frames((0..<count).map { DicomFrame(file, of: image, index: $0) })
    }
}

/// The files that may be DICOM, below a folder.
struct DicomFiles: Sendable {
    struct Entry: Sendable {
        var path: String
        /// The path below the folder.
        var name: String
        /// Whether the file has DICOM's mark behind its preamble.
        var isMarked: Bool

        var isNamedAsDicom: Bool { name.lowercased().hasSuffix(".dcm") }
    }

    private(set) var files: [Entry] = []

    /// Walks a folder; a file stands for itself, a DICOMDIR for its folder. Hidden files are passed over.
    /// - Parameter given: What errors name.
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
        } else if let isMarked = Self.mark(url.path) {
            files = [Entry(path: url.path, name: url.lastPathComponent, isMarked: isMarked)]
        }
        guard !files.isEmpty else {
            throw DataError(.noInput, given, "holds no DICOM file; give the folder of a series, or one of its files.")
        }
    }

    /// Whether a file is a ZIP.
    static func isZip(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let handle = FileHandle(forReadingAtPath: path)
        else { return false }
        defer { try? handle.close() }
        return DicomZip.begins((try? handle.read(upToCount: 4)) ?? Data())
    }

    private mutating func walk(_ folder: URL, given path: String) throws(DataError) {
        let keys: [URLResourceKey] = [.isRegularFileKey]
        guard
            let walker = FileManager.default.enumerator(
                at: folder, includingPropertiesForKeys: keys, options: [.skipsHiddenFiles])
        else { throw DataError(.noInput, path, "cannot be opened for reading; check its permissions.") }
        var seen = 0
        for case let file as URL in walker {
            let real = file.resolvingSymlinksInPath()
            guard !file.lastPathComponent.hasPrefix("."),
                (try? real.resourceValues(forKeys: Set(keys)))?.isRegularFile == true
            else { continue }
            seen += 1
            guard seen <= Limits.dicomFiles else {
                throw DataError(
                    .tooLarge, path,
                    "holds more than \(Limits.dicomFiles) files, the most that are looked at; give one series.")
            }
            guard let isMarked = Self.mark(file.path) else { continue }
            let name = String(file.path.dropFirst(folder.path.count).drop { $0 == "/" })
            files.append(Entry(path: file.path, name: name, isMarked: isMarked))
        }
        files.sort { $0.name < $1.name }
    }

    /// Whether a file has DICOM's mark; nil where it cannot be DICOM, because it begins with no data set either.
    private static func mark(_ path: String) -> Bool? {
        guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? handle.close() }
        let head = Array((try? handle.read(upToCount: 132)) ?? Data())
        guard head.count == 132 else { return nil }
        if DicomSource.isMarked(head) { return true }
        // Without preamble a file begins with an element of group 2 or 8, in either byte order.
        let group = (head[0], head[1])
        return [(2, 0), (8, 0), (0, 8)].contains { $0 == group } ? false : nil
    }
}
