import ArgumentParser
import SegCore
import SegDICOM
import SegImaging
import SegInference

/// Options that write masks as DICOM objects.
struct DicomOutputOptions: ParsableArguments {
    @Option(
        help: """
            For DICOM input, also write the mask as a DICOM segmentation: binary, which every viewer reads, or \
            labelmap, with one frame of class numbers per slice. It carries the patient's identity.
            """)
    var dicomSeg: DicomSegmentationForm?

    @Flag(help: "For DICOM, also write the mask's contours as an RT structure set. It carries the patient's identity.")
    var rtstruct = false

    @Option(
        help: """
            A JSON file with the coded terms of classes in DICOM segmentations: {"spleen": {"type": ["78961009", \
            "SCT", "Spleen"]}}, with a category and a modifier if needed. Common organs are known.
            """)
    var codes: String?

    @Flag(
        help:
            "If an anonymiser emptied the UIDs of the scan, write DICOM objects into a new study; otherwise none are written."
    )
    var newStudy = false

    /// The option that asks for DICOM objects, for messages; nil if none does.
    var asked: String? { dicomSeg != nil ? "--dicom-seg" : rtstruct ? "--rtstruct" : nil }

    /// Refuses scans that no DICOM object can refer to, before a model is loaded.
    func check(_ scans: [String]) throws {
        guard asked != nil else {
            guard codes == nil, !newStudy else {
                throw UsageError("--codes and --new-study apply to DICOM objects; pass --dicom-seg or --rtstruct")
            }
            return
        }
        if let other = scans.first(where: { !DicomSource.isDicom($0) }) {
            throw UsageError(
                "--dicom-seg and --rtstruct refer to the files of a DICOM series, but \(other) is not DICOM; give the "
                    + "series, or leave them out")
        }
    }

    /// The DICOM objects to write for the masks of a segmenter; nil if none is asked for.
    /// - Throws: `DataError` if the masks cannot be written in the requested form, or `--codes` cannot be read.
    func prepared(for segmenter: Segmenter, model: String) throws -> DicomOutput? {
        guard let asked else { return nil }
        try segmenter.checkRestores(for: asked)
        if dicomSeg == .labelmap { try segmenter.checkClasses(for: "--dicom-seg labelmap") }
        let names = segmenter.labelNumbers.map { ($0, segmenter.description.className($0)) }
        return try prepared(names: Dictionary(uniqueKeysWithValues: names), model: model)
    }

    /// The DICOM objects to write for masks of classes; nil if none is asked for.
    /// - Parameters:
    ///   - names: Names of the classes by number.
    ///   - model: The name of the model, or its path.
    /// - Throws: `DataError` if `--codes` cannot be read.
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

/// The DICOM objects that are written for each mask.
struct DicomOutput {
    let segmentation: DicomSegmentationForm?
    let structures: Bool
    let description: DicomMask.Description

    /// Checks that DICOM objects can refer to a scan, before the scan is segmented.
    func check(_ geometry: ScanGeometry, scan: String) throws {
        try DicomMask.check(geometry, scan: scan, isNewStudy: description.isNewStudy)
    }

    /// Writes the objects of a mask.
    /// - Parameters:
    ///   - maps: One map of classes, or if `areRegions` one map of 0 and 1 per region.
    ///   - files: The paths of the segmentation and the structure set.
    ///   - note: Called with each remark for the user.
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
