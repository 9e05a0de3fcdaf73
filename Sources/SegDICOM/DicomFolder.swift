internal import CDicom
internal import Foundation
internal import SegCore
internal import SegData
internal import Synchronization

/// The headers of the DICOM files below a folder or in a ZIP, or of one file.
struct DicomFolder: Sendable {
    /// A file that contains no slice of a scan.
    struct LeftOut: Sendable {
        var name: String
        /// The kind of file in words, such as `a colour image`.
        var why: String
        /// Whether the file is a segmentation or a structure set.
        var isLabel = false
    }

    /// The path of the folder or file as the user gave it.
    let path: String
    let functions: dicom_library
    /// The unpacked files of a ZIP; nil for folders and files.
    let zip: UnpackedArchive?
    /// All frames, in an order that does not depend on the file names.
    private(set) var frames: [DicomFrame] = []
    /// Files that are DICOM but not slices of a scan.
    private(set) var leftOut: [LeftOut] = []
    /// Whether segmentations or structure sets were left out.
    var holdsSegments: Bool { leftOut.contains(where: \.isLabel) }
    /// A damaged file, whose series cannot be trusted.
    struct Damaged: Sendable {
        var name: String
        /// The part of the header that could be read, with its fault; nil if the damage begins before the
        /// SeriesInstanceUID.
        var frame: DicomFrame?
        /// SeriesInstanceUID; nil if it is unknown.
        var series: String? { frame?.image.series }
        /// The fault, as the end of a sentence.
        var why: String
    }

    /// The damaged files.
    private(set) var damaged: [Damaged] = []

    /// Reads the headers on all cores.
    /// - Throws: `DataError` if the path has no DICOM, the library is missing, or there are more files than the limits
    ///   allow.
    init(_ path: String) throws(DataError) {
        self.path = path
        zip = UnpackedArchive.isZip(file: path) ? try UnpackedArchive(path) : nil
        let files = try DicomFiles(zip?.folder ?? path, given: path)
        // The library is opened only here, so that a folder without DICOM is reported as such even without the library.
        functions = try DicomLibrary.functions(for: path)
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
                "holds \(frames.count) frames; at most \(Limits.dicomFrames) are read. Give one series.")
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
        if let fault = entry.fault {
            return .damaged(Damaged(name: entry.name, why: "\(fault); copy or export it again"))
        }
        let file: DicomFile
        do throws(DicomFile.Fault) {
            file = try DicomFile(entry.path, functions)
        } catch {
            guard entry.isMarked || entry.isNamedAsDicom else { return .nothing }
            return .damaged(Damaged(name: entry.name, why: "\(error.message); copy or export it again"))
        }
        let image = DicomImage(file, path: entry.path, name: entry.name)
        // A DICOMDIR lists files, which are read themselves.
        if image.sopClass == "1.2.840.10008.1.3.10" { return .nothing }
        if let kind = DicomClass.leftOut(image.sopClass) {
            let segments = SegmentFile.names(of: file)
            let list = segments.map { $0.isEmpty ? "" : " of " + $0.shortList() } ?? ""
            return .leftOut(LeftOut(name: entry.name, why: kind + list, isLabel: segments != nil))
        }
        let hasPixels = [DicomTag.pixels, DicomTag.floatPixels, DicomTag.doublePixels].contains { file.has($0) }
        if file.damage != nil {
            // A file of another format may begin with bytes that look like DICOM.
            guard entry.isMarked || image.rows > 0 else { return .nothing }
            // An attribute after the UID shows that the UID itself is complete.
            let isKnown = !image.series.isEmpty && (file.has(DicomTag.instanceNumber) || image.rows > 0)
            return .damaged(
                Damaged(
                    name: entry.name, frame: isKnown ? DicomFrame(file, of: image, index: 0) : nil,
                    why: image.fault ?? "is damaged"))
        }
        guard !image.sopClass.isEmpty, image.rows != 0, hasPixels else {
            guard entry.isMarked || entry.isNamedAsDicom else { return .nothing }
            let kind = image.modality.isEmpty ? "" : " (\(image.modality.prefix(16)))"
            return .leftOut(LeftOut(name: entry.name, why: "without an image\(kind)"))
        }
        guard file.number(DicomTag.samplesPerPixel) ?? 1 == 1 else {
            return .leftOut(LeftOut(name: entry.name, why: "a colour image"))
        }
        let count = image.fault == nil ? DicomImage.frameCount(file) : 1
        guard count <= Limits.dicomFrames else {
            return .leftOut(LeftOut(name: entry.name, why: "with \(count) frames, more than the maximum"))
        }
        return .frames((0..<count).map { DicomFrame(file, of: image, index: $0) })
    }
}
