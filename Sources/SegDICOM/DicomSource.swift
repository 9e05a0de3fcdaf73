public import SegCore
internal import SegData
public import SegImaging

/// DICOM series as scans of `ScanFile`: a folder, a ZIP, or a file of several frames.
///
/// `DicomSource().register()` makes everything that reads scans read DICOM too.
public struct DicomSource: Sendable {
    /// Which volume of a folder is meant.
    public var choice: DicomChoice

    /// A source that reads the volume that is chosen of every folder.
    public init(_ choice: DicomChoice = DicomChoice()) { self.choice = choice }

    /// Has `ScanFile` read DICOM, for the whole process. The source that is registered last counts.
    public func register() { ScanFile.register(self) }

    /// Whether a file has DICOM's mark behind its preamble of 128 bytes.
    static func isMarked(_ head: [UInt8]) -> Bool {
        head.count >= 132 && head[128..<132].elementsEqual("DICM".utf8)
    }

    /// Whether a path is taken for DICOM: a folder that holds a file that may be, such a file, or a ZIP.
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
    /// The format's name for people.
    public var name: String { "DICOM" }

    /// Endings of DICOM files, of which many have none, and of ZIPs.
    public var endings: [String] { [".dcm", ".zip"] }

    /// Whether a file is DICOM or a ZIP, by its first bytes.
    public func begins(_ head: [UInt8]) -> Bool { Self.isMarked(head) || UnpackedArchive.isZip(head) }

    /// Where the voxels lie, from the headers.
    /// - Throws: `DataError` as `read`.
    public func layout(of path: String) throws(DataError) -> ScanLayout {
        try chosen(path).stack.layout(path: path)
    }

    /// Whether a file is a segmentation or a structure set.
    public func isLabel(_ path: String) -> Bool { ((try? SegmentFile(path)) ?? nil) != nil }

    /// Reads a segmentation or a structure set as a label map; nil where the file is neither.
    /// - Throws: `DataError` with every reason why it is no label map of the scan: overlaps, shares, another place.
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
    /// - Throws: `DataError` of the kinds `noInput` where there is no DICOM, `badData` where a series is no sound volume,
    ///   `badArgument` where there are several, `unavailable` without DCMTK, and `tooLarge`.
    public func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan {
        let (catalogue, series, stack) = try chosen(path)
        return try DicomPixels(functions: catalogue.folder.functions).read(stack, path: path, series: series)
    }
}
