internal import CDicom
internal import Foundation
internal import SegCore
internal import SegImaging

/// The series from which a mask was made: the parts to which a DICOM object of the mask refers.
struct DicomSeries: Sendable {
    let stack: DicomStack
    let functions: dicom_library
    /// Whether the object begins a new study.
    let isNewStudy: Bool
    /// Whether texts of the object may have any letters: the scan's files name UTF-8, or no character set.
    let isUnicode: Bool
    /// The UIDs of the object's study, of the series that it refers to, and of their common frame of reference.
    let study: String, series: String, frameOfReference: String
    /// Notes for the user.
    var remarks: [String] = []

    /// Finds the series of a scan.
    /// - Parameters:
    ///   - scan: The scan's name, for errors.
    ///   - isNewStudy: Whether missing UIDs may be invented.
    /// - Throws: `DataError` with all reasons if the scan is not DICOM or lacks UIDs.
    init(_ geometry: ScanGeometry, scan: String, isNewStudy: Bool) throws(DataError) {
        guard let header = geometry.header as? DicomHeader else {
            throw DataError(
                .badArgument, scan,
                "is not DICOM, and a DICOM object of its mask must refer to DICOM files; give the series, or ask for no "
                    + "DICOM object.")
        }
        stack = header.stack
        functions = try DicomLibrary.functions(for: scan)
        let image = stack.image
        let faults = Self.faults(of: stack, isNewStudy: isNewStudy)
        guard faults.isEmpty else { throw DataError(.badData, scan, faults.joined(separator: " ")) }
        self.isNewStudy = !DicomUID.isValid(image.study)
        study = self.isNewStudy ? DicomUID.new() : image.study
        let hasSeries = DicomUID.isValid(image.series)
        series = hasSeries ? image.series : DicomUID.new()
        let characters = try Self.open(image, functions).text(DicomTag.specificCharacterSet)
        isUnicode = characters == nil || characters == Self.unicode
        let hasFrame = DicomUID.isValid(image.frameOfReference)
        frameOfReference = hasFrame ? image.frameOfReference : DicomUID.new()
        if self.isNewStudy { remarks.append("Its study has no UID; the DICOM object begins a study of its own.") }
        if !hasSeries { remarks.append("Its series has no UID; the DICOM object refers to it by a new UID.") }
        if !hasFrame { remarks.append("It has no FrameOfReferenceUID; the DICOM object has a new one.") }
    }

    private static func faults(of stack: DicomStack, isNewStudy: Bool) -> [String] {
        var faults: [String] = []
        let missing = [("StudyInstanceUID", stack.image.study), ("SeriesInstanceUID", stack.image.series)]
            .filter { !DicomUID.isValid($0.1) }.map(\.0)
        if !missing.isEmpty, !isNewStudy {
            faults.append(
                "It has no \(missing.joined(separator: " and no ")), which an anonymiser may have emptied; a DICOM "
                    + "object could not be stored in its study; pass --new-study for an object with new UIDs.")
        }
        if let frame = stack.frames.first(where: {
            !DicomUID.isValid($0.image.instance) || !DicomUID.isValid($0.image.sopClass)
        }) {
            faults.append("\(frame.name) has no SOPInstanceUID or SOPClassUID to refer to.")
        }
        let instances = Dictionary(grouping: stack.images, by: \.instance)
        if let same = instances.values.first(where: { $0.count > 1 }) {
            faults.append(
                "\(same[0].name) and \(same[1].name) have the same SOPInstanceUID, so references to this UID are ambiguous."
            )
        }
        return faults
    }

    // MARK: - Modules that every object has

    private static let ofPatient = [
        DicomTag.patientName, DicomTag.patientID, DicomTag.patientBirthDate, DicomTag.patientSex,
    ]
    private static let ofStudy = [
        DicomTag.studyDate, DicomTag.studyTime, DicomTag.accessionNumber, DicomTag.referringPhysicianName,
        DicomTag.studyID,
    ]
    /// The attributes that identify a study; an object that begins a new study has none of them.
    private static let ofOneStudy = [DicomTag.accessionNumber, DicomTag.studyID]
    private static let optional = [
        DicomTag.issuerOfPatientID, DicomTag.patientAge, DicomTag.patientSize, DicomTag.patientWeight,
        DicomTag.patientIdentityRemoved, DicomTag.deidentificationMethod, DicomTag.deidentificationMethodCode,
        DicomTag.studyDescription,
    ]

    /// Creates an object of this patient and study, in a new series.
    /// - Parameters:
    ///   - path: The path to which the object will be saved.
    ///   - maker: The program and model that made the object.
    ///   - texts: The texts that the object will contain; they decide its character set.
    /// - Throws: `DataError` if a file of the series cannot be read again, or the object would replace it.
    func document(
        _ sopClass: String, modality: String, path: String, maker: DicomMaker, texts: [String]
    ) throws(DataError) -> DicomDocument {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard !stack.images.contains(where: { $0.path == target }) else {
            throw DataError(.cannotWrite, path, "is a file of the scan; choose another folder.")
        }
        let source = try Self.open(stack.image, functions)
        let document = try DicomDocument(functions, path: path)
        let dataset = document.dataset
        // An empty attribute would not be a valid character set.
        if isUnicode, !texts.allSatisfy({ $0.utf8.allSatisfy { $0 < 0x80 } }) {
            dataset.set(DicomTag.specificCharacterSet, Self.unicode)
        } else if source.text(DicomTag.specificCharacterSet) != nil {
            document.copy(DicomTag.specificCharacterSet, of: source)
        }
        for tag in Self.optional where source.has(tag) { document.copy(tag, of: source) }
        for tag in Self.ofPatient + Self.ofStudy {
            let isOfOther = isNewStudy && Self.ofOneStudy.contains(tag)
            if isOfOther || !document.copy(tag, of: source) { dataset.set(tag, "") }
        }
        dataset.set(DicomTag.sopClass, sopClass)
        dataset.set(DicomTag.sopInstance, DicomUID.new())
        dataset.set(DicomTag.studyInstance, study)
        dataset.set(DicomTag.seriesInstance, DicomUID.new())
        dataset.set(DicomTag.modality, modality)
        dataset.set(DicomTag.seriesNumber, maker.seriesNumber)
        dataset.set(DicomTag.seriesDescription, maker.title)
        dataset.set(DicomTag.instanceNumber, 1)
        dataset.set(DicomTag.frameOfReference, frameOfReference)
        if !document.copy(DicomTag.positionReferenceIndicator, of: source) {
            dataset.set(DicomTag.positionReferenceIndicator, "")
        }
        dataset.set(DicomTag.manufacturer, DicomMaker.program)
        dataset.set(DicomTag.manufacturerModelName, DicomMaker.program)
        dataset.set(DicomTag.deviceSerialNumber, "0")
        dataset.set(DicomTag.softwareVersions, maker.version)
        return document
    }

    /// The name of UTF-8 in SpecificCharacterSet.
    private static let unicode = "ISO_IR 192"

    private static func open(_ image: DicomImage, _ functions: dicom_library) throws(DataError) -> DicomFile {
        do throws(DicomFile.Fault) {
            return try DicomFile(image.path, functions)
        } catch {
            throw DataError(.badData, image.name, "\(error.message).")
        }
    }

    /// Writes whether pixels of the scan were ever compressed with loss, and how.
    func setCompression(in document: DicomDocument) throws(DataError) {
        guard let image = stack.images.first(where: \.isLossy) else {
            document.dataset.set(DicomTag.lossyCompression, "00")
            return
        }
        document.dataset.set(DicomTag.lossyCompression, "01")
        let file = try Self.open(image, functions)
        for tag in [DicomTag.lossyRatio, DicomTag.lossyMethod] where file.text(tag) != nil {
            document.copy(tag, of: file)
        }
    }
}

/// The program and model that made an object.
struct DicomMaker: Sendable {
    static let program = "MedSeg"
    /// MedSeg's version.
    var version: String
    /// The model's name; empty if no model was used.
    var model: String
    /// SeriesNumber, far from the numbers of scanners.
    var seriesNumber: Int
    /// SeriesDescription and ContentDescription.
    var title: String { (model.isEmpty ? Self.program : "\(Self.program) \(model)").dicomText(most: 64) }
}

extension DicomStack {
    /// The files of the frames, each one once.
    var images: [DicomImage] {
        var seen: Set<String> = []
        return frames.map(\.image).filter { seen.insert($0.path).inserted }
    }

    /// The position of each frame along the first frame's normal, in mm.
    private var distances: [Double] {
        let normal = frames[0].normal ?? .zero
        return frames.compactMap { $0.position?.dot(normal) }
    }

    /// The mean distance between neighbouring planes along their normal, in mm; in a filled stack the mean over all
    /// gaps.
    var planeSpacing: Double {
        let places = distances
        guard let first = places.first, let last = places.last, places.count > 1 else { return 0 }
        return abs(last - first) / Double(places.count - 1)
    }

    /// The index of the slice nearest to each frame: the frame's own slice unless gaps were filled.
    var slicesOfFrames: [Int] {
        let places = distances
        guard isFilled, let first = places.first, let last = places.last, last > first else {
            return Array(frames.indices)
        }
        return places.map { Int((($0 - first) / (last - first) * Double(slices.count - 1)).rounded()) }
    }
}

extension DicomFrame {
    /// Adds a reference to the frame's file, and to the frame if the file has several.
    func refer(from item: DicomDocument.Item) {
        image.refer(from: item)
        if image.frameCount > 1 { item.set(DicomTag.referencedFrame, index + 1) }
    }
}

extension DicomImage {
    /// Adds a reference to the file.
    func refer(from item: DicomDocument.Item) {
        item.set(DicomTag.referencedClass, sopClass)
        item.set(DicomTag.referencedInstance, instance)
    }
}
