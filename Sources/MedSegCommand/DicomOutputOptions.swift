import ArgumentParser
import SegCore
import SegDICOM
import SegImaging
import SegInference

/// Options that write masks as DICOM objects.
struct DicomOutputOptions: ParsableArguments {
    @Option(
        help: """
            Of DICOM: also write the mask as a DICOM segmentation: binary, which every viewer reads, or labelmap, one frame \
            of class numbers for each slice. It carries the patient's identity.
            """)
    var dicomSeg: DicomSegmentationForm?

    @Flag(help: "Of DICOM: also write the mask's contours as an RT structure set. It carries the patient's identity.")
    var rtstruct = false

    @Option(
        help: """
            Coded terms of classes in DICOM segmentations, a JSON file: {"spleen": {"type": ["78961009", "SCT", "Spleen"]}}, \
            each with a category and a modifier if need be. Usual organs are known.
            """)
    var codes: String?

    @Flag(
        help: "Begin a study of its own where an anonymiser emptied the UIDs of the scan's; without it that is refused."
    )
    var newStudy = false

    /// The options that ask for objects, for messages; nil where none does.
    var asked: String? { dicomSeg != nil ? "--dicom-seg" : rtstruct ? "--rtstruct" : nil }

    /// Refuses scans that no DICOM object can refer to, before a model is loaded.
    func check(_ scans: [String]) throws {
        guard asked != nil else {
            guard codes == nil, !newStudy else {
                throw UsageError("--codes and --new-study are of DICOM objects; add --dicom-seg or --rtstruct")
            }
            return
        }
        if let other = scans.first(where: { !DicomSource.isDicom($0) }) {
            throw UsageError(
                "--dicom-seg and --rtstruct refer to the files of a DICOM series, and \(other) is no DICOM; give the series, or "
                    + "take them out")
        }
    }

    /// What is written for the masks of a segmenter; nil where nothing is.
    /// - Throws: Where its masks cannot be written as asked, or `--codes` cannot be read.
    func prepared(for segmenter: Segmenter, model: String) throws -> DicomOutput? {
        guard let asked else { return nil }
        try segmenter.checkRestores(for: asked)
        if dicomSeg == .labelmap { try segmenter.checkClasses(for: "--dicom-seg labelmap") }
        let names = segmenter.labelNumbers.map { ($0, segmenter.description.className($0)) }
        return try prepared(names: Dictionary(uniqueKeysWithValues: names), model: model)
    }

    /// What is written for masks of classes; nil where nothing is.
    /// - Parameters:
    ///   - names: Names of the classes by number.
    ///   - model: What the model is called, or its path.
    /// - Throws: `DataError` where `--codes` cannot be read.
    func prepared(names: [Int: String], model: String) throws -> DicomOutput? {
        guard asked != nil else { return nil }
        return DicomOutput(
            segmentation: dicomSeg, structures: rtstruct,
            description: DicomMask.Description(
                names: names, codes: try codes.map(SegmentCodes.init) ?? SegmentCodes(),
                model: ScanFile.stem(of: model),
                version: MedSeg.configuration.version, isNewStudy: newStudy))
    }
}

/// The DICOM objects that are written of each mask.
struct DicomOutput {
    let segmentation: DicomSegmentationForm?
    let structures: Bool
    let description: DicomMask.Description

    /// Insists that objects can refer to a scan, before it is segmented.
    func check(_ geometry: ScanGeometry, scan: String) throws {
        try DicomMask.check(geometry, scan: scan, isNewStudy: description.isNewStudy)
    }

    /// Writes the objects of a mask.
    /// - Parameters:
    ///   - maps: One map of classes, or where `areRegions` a map of 0 and 1 for each.
    ///   - files: Where the segmentation and the structure set go.
    ///   - note: Called with sentences that a user should know.
    func write(
        _ maps: [[UInt8]], areRegions: Bool, of geometry: ScanGeometry, scan: String,
        to files: (segmentation: String, structures: String), note: (String) -> Void
    ) throws {
        let mask = try DicomMask(maps: maps, areRegions: areRegions, description, of: geometry, scan: scan)
        mask.remarks.forEach(note)
        if let segmentation { try mask.writeSegmentation(segmentation, to: files.segmentation).forEach(note) }
        if structures { try mask.writeStructures(to: files.structures).forEach(note) }
    }
}
