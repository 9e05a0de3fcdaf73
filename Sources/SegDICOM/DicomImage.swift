internal import SegCore

/// The attributes of one file; the geometry is in its frames.
final class DicomImage: Sendable {
    /// The path of the file.
    let path: String
    /// The path relative to the folder that the user gave, for messages.
    let name: String
    let sopClass: String
    let study: String
    let series: String
    let frameOfReference: String
    let instance: String
    let seriesNumber: String
    let seriesDescription: String
    let instanceNumber: String
    let modality: String
    let syntax: String
    let units: String?
    let isInverted: Bool
    let isLocalizer: Bool
    /// Whether the pixels were ever compressed with loss.
    let isLossy: Bool
    let frameCount: Int
    let rows: Int
    let columns: Int
    let storage: DicomStorage
    /// The reason why a series with this file cannot be read, as the end of a sentence; nil if the file is no obstacle.
    let fault: String?

    init(_ file: DicomFile, path: String, name: String) {
        (self.path, self.name) = (path, name)
        sopClass = file.text(DicomTag.sopClass) ?? file.text(DicomTag.mediaStorageClass, in: .meta) ?? ""
        study = file.text(DicomTag.studyInstance) ?? ""
        series = file.text(DicomTag.seriesInstance) ?? ""
        frameOfReference = file.text(DicomTag.frameOfReference) ?? ""
        // An anonymiser may have removed the UID from the data set.
        instance = file.text(DicomTag.sopInstance) ?? file.text(DicomTag.mediaStorageInstance, in: .meta) ?? name
        seriesNumber = file.text(DicomTag.seriesNumber) ?? ""
        seriesDescription = file.text(DicomTag.seriesDescription) ?? ""
        instanceNumber = file.text(DicomTag.instanceNumber) ?? ""
        modality = file.text(DicomTag.modality) ?? ""
        syntax = file.text(DicomTag.transferSyntax, in: .meta) ?? ""
        units = file.text(DicomTag.units)
        let photometric = file.text(DicomTag.photometricInterpretation) ?? ""
        isInverted = photometric == "MONOCHROME1"
        let kind = (file.text(DicomTag.imageType) ?? "").split(separator: "\\").map(String.init)
        isLocalizer = kind.contains("LOCALIZER")
        isLossy = file.text(DicomTag.lossyCompression) == "01"
        frameCount = Self.frameCount(file)
        (rows, columns) = (Self.edge(file, DicomTag.rows), Self.edge(file, DicomTag.columns))
        storage = DicomStorage(
            allocated: file.number(DicomTag.bitsAllocated) ?? 0, stored: file.number(DicomTag.bitsStored),
            isSigned: file.number(DicomTag.pixelRepresentation) == 1)
        fault = Self.fault(
            file, kind: kind, photometric: photometric, syntax: syntax, sopClass: sopClass, rows: rows,
            columns: columns,
            storage: storage)
    }

    /// The numbers of rows or columns that DICOM allows.
    private static let edges = 1...0xffff

    /// The number of rows or columns; a number outside of `edges` is clamped to just outside, so that no product
    /// overflows.
    private static func edge(_ file: DicomFile, _ tag: UInt32) -> Int {
        min(max(file.number(tag) ?? 0, -1), edges.upperBound + 1)
    }

    /// The number of frames of the file.
    static func frameCount(_ file: DicomFile) -> Int { max(1, file.number(DicomTag.numberOfFrames) ?? 1) }

    private static func fault(
        _ file: DicomFile, kind: [String], photometric: String, syntax: String, sopClass: String, rows: Int,
        columns: Int,
        storage: DicomStorage
    ) -> String? {
        if let damage = file.damage {
            return "is damaged or cut short (\(damage)); copy or export it again"
        }
        if kind.contains("MOSAIC") {
            return "is a Siemens mosaic, many slices in one image; convert the series with dcm2niix"
        }
        if file.has(DicomTag.modalityLUT) {
            return "defines its values by a Modality LUT Sequence, which is not read; export it with RescaleSlope"
        }
        if file.has(DicomTag.floatPixels) || file.has(DicomTag.doublePixels) {
            return "has Float Pixel Data, which is not read; export it with integers"
        }
        guard photometric.hasPrefix("MONOCHROME") else {
            return "is stored as \(photometric.isEmpty ? "no PhotometricInterpretation" : photometric.prefix(32)); "
                + "MONOCHROME2 was expected"
        }
        if let name = DicomSyntax.unread(syntax) {
            return "is compressed by \(name), which is not read; recode it, as with dcmdjpeg or gdcmconv --raw"
        }
        let frames = frameCount(file)
        if frames > 1, file.frameItems != frames {
            return file.frameItems == 0
                ? "has \(frames) frames without functional groups (SOP Class \(DicomClass.name(sopClass))): "
                    + "ImagePositionPatient is missing and their positions are unknown"
                : "has \(frames) frames, but its functional groups describe \(file.frameItems)"
        }
        guard edges.contains(rows), edges.contains(columns) else {
            return "has Columns '\(file.text(DicomTag.columns)?.prefix(20) ?? "")' and Rows "
                + "'\(file.text(DicomTag.rows)?.prefix(20) ?? "")'; from 1 to \(edges.upperBound) were expected"
        }
        guard rows * columns <= Limits.dicomFramePixels else {
            return "has frames of \(columns) × \(rows) pixels; at most \(Limits.dicomFramePixels) are read"
        }
        return storage.fault
    }
}

/// The storage format of a pixel.
struct DicomStorage: Sendable {
    var allocated: Int
    var stored: Int?
    var isSigned: Bool

    /// The number of significant bits.
    private var bits: Int { min(stored ?? allocated, allocated) }

    /// The reason why pixels cannot be read, as the end of a sentence; nil if they can be read.
    var fault: String? {
        guard [8, 16, 32].contains(allocated), bits > 0 else {
            return "has BitsAllocated \(allocated) and BitsStored \(bits); 8, 16 or 32 and at least 1 were expected"
        }
        guard bits < 32 || isSigned else {
            return "has unsigned pixels of 32 bits, which are not read; export it with 16 bits"
        }
        return nil
    }

    /// The range of values of a pixel.
    var range: ClosedRange<Int> {
        isSigned ? -(1 << (bits - 1))...(1 << (bits - 1)) - 1 : 0...(1 << bits) - 1
    }
}
