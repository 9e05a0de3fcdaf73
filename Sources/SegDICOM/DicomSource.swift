public import SegCore
internal import SegData
public import SegImaging

/// A `ScanSource` that reads DICOM series: a folder, a ZIP, or a multi-frame file.
///
/// After `DicomSource().register()` everything that reads scans can read DICOM.
public struct DicomSource: Sendable {
    /// The choice of a volume in a folder with several.
    public var choice: DicomChoice

    /// Creates a source that reads the chosen volume of every folder.
    public init(_ choice: DicomChoice = DicomChoice()) { self.choice = choice }

    /// Registers the source with `ScanFile` for the whole process; the source that is registered last is used.
    public func register() { ScanFile.register(self) }

    /// Whether a file has DICOM's prefix "DICM" after its preamble of 128 bytes.
    static func isMarked(_ head: [UInt8]) -> Bool {
        head.count >= 132 && head[128..<132].elementsEqual("DICM".utf8)
    }

    /// Whether a path is treated as DICOM: a file that may be DICOM, a folder with such a file, or a ZIP.
    public static func isDicom(_ path: String) -> Bool {
        UnpackedArchive.isZip(file: path) || (try? DicomFiles(path, given: path)) != nil
    }

    private func chosen(_ path: String) throws(DataError) -> (
        catalogue: DicomCatalogue, name: String, stack: DicomStack
    ) {
        let catalogue = try DicomCatalogue(path, fillsGaps: choice.fillsGaps)
        var (series, stack) = try catalogue.choose(choice)
        stack.remarks += catalogue.remarks(beside: series)
        stack.archive = catalogue.folder.zip
        guard stack.slices.count <= Limits.scanAxis else {
            throw DataError(.tooLarge, path, "has \(stack.slices.count) slices; at most \(Limits.scanAxis) are read.")
        }
        return (catalogue, series.group.name, stack)
    }
}

extension DicomSource: ScanSource {
    /// The format's name in messages.
    public var name: String { "DICOM" }

    /// The file extensions of DICOM files, many of which have none, and of ZIPs.
    public var endings: [String] { [".dcm", ".zip"] }

    /// Whether the first bytes are those of DICOM or of a ZIP.
    public func begins(_ head: [UInt8]) -> Bool { Self.isMarked(head) || UnpackedArchive.isZip(head) }

    /// The layout of the voxels, from the headers.
    /// - Throws: `DataError` like `read`.
    public func layout(of path: String) throws(DataError) -> ScanLayout {
        try chosen(path).stack.layout(path: path)
    }

    /// Whether a file is a segmentation or a structure set.
    public func isLabel(_ path: String) -> Bool { ((try? SegmentFile(path)) ?? nil) != nil }

    /// Reads a segmentation or a structure set as a label map; nil if the file is neither.
    /// - Throws: `DataError` with every reason why the file is not a label map of the scan: overlaps, fractions,
    ///   another position.
    public func readLabel(
        _ path: String, on scan: ScanGeometry, classes: [Int: String]
    ) throws(DataError) -> (volume: Volume, geometry: ScanGeometry)? {
        try SegmentFile(path)?.label(on: scan, classes: classes)
    }

    /// Whether a file is a DICOM object that MedSeg wrote.
    public func isOurs(_ path: String) -> Bool {
        guard let functions = try? DicomLibrary.functions(for: path), let file = try? DicomFile(path, functions) else {
            return false
        }
        return file.text(DicomTag.manufacturerModelName) == DicomMaker.program
    }

    /// Reads a volume.
    /// - Throws: `DataError` of the kinds `noInput` if there is no DICOM, `badData` if a series is not a valid volume,
    ///   `badArgument` if there are several, `unavailable` without DCMTK, and `tooLarge`.
    public func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan {
        let (catalogue, series, stack) = try chosen(path)
        return try DicomPixels(functions: catalogue.folder.functions).read(stack, path: path, series: series)
    }
}
