internal import CDicom
public import SegCore

/// A DICOM Segmentation or RT Structure Set: a file of segments, which is the label of a scan and not a scan itself.
public struct SegmentFile {
    /// The kinds of files that are read.
    enum Kind {
        case segmentation, structures

        fileprivate init?(_ sopClass: String) {
            switch sopClass {
            case "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7": self = .segmentation
            case "1.2.840.10008.5.1.4.1.1.481.3": self = .structures
            default: return nil
            }
        }
    }

    /// A segment of a segmentation, or a structure of a structure set.
    public struct Segment: Sendable, Encodable {
        /// The number in the file.
        public var number: Int
        /// The name; empty if there is none.
        public var name: String
        /// The coded type, such as `Spleen`; nil if the file has none.
        public var type: String?
    }

    let kind: Kind
    let file: DicomFile
    let path: String
    /// `BINARY`, `LABELMAP` or `FRACTIONAL`; empty for structures.
    let form: String
    /// The segments, in the order of the file.
    public let segments: [Segment]

    /// Opens a file.
    /// - Returns: Nil if it is not a file of segments, or not DICOM at all.
    /// - Throws: `DataError` if the file is damaged, or DCMTK is missing.
    public init?(_ path: String) throws(DataError) {
        guard let head = RegularFile.head(of: path, bytes: 132), DicomSource.isMarked(head) else { return nil }
        let functions = try DicomLibrary.functions(for: path)
        do throws(DicomFile.Fault) {
            file = try DicomFile(path, functions)
        } catch {
            throw DataError(.badData, path, "\(error.message).")
        }
        guard let kind = Kind(file.text(DicomTag.sopClass) ?? "") else { return nil }
        if let damage = file.damage {
            throw DataError(.badData, path, "is damaged or cut short (\(damage)); copy or export it again.")
        }
        (self.kind, self.path) = (kind, path)
        form = kind == .segmentation ? file.text(DicomTag.segmentationType) ?? "" : ""
        segments = Self.segments(of: file, kind)
    }

    /// The names of the segments of a file; nil if it is not a file of segments.
    static func names(of file: DicomFile) -> [String]? {
        Kind(file.text(DicomTag.sopClass) ?? "").map { segments(of: file, $0).map(\.name) }
    }

    private static func segments(of file: DicomFile, _ kind: Kind) -> [Segment] {
        switch kind {
        case .segmentation:
            file.dataset.items(DicomTag.segments).compactMap { item in
                // Some programs list the background as a segment of a label map.
                guard let number = item.number(DicomTag.segmentNumber), number > 0 else { return nil }
                return Segment(
                    number: number, name: item.text(DicomTag.segmentLabel) ?? "",
                    type: item.items(DicomTag.propertyType).first?.text(DicomTag.codeMeaning))
            }
        case .structures:
            file.dataset.items(DicomTag.structures).compactMap { item in
                item.number(DicomTag.structureNumber).map {
                    Segment(number: $0, name: item.text(DicomTag.structureName) ?? "")
                }
            }
        }
    }

    /// The name of the kind in messages, such as `a segmentation (LABELMAP)`.
    public var title: String {
        switch kind {
        case .segmentation: form == "BINARY" ? "a segmentation" : "a segmentation (\(form.prefix(16)))"
        case .structures: "an RT structure set"
        }
    }

    /// A description for a terminal, in several lines.
    public var lines: [String] {
        let frames = kind == .segmentation ? ", \(DicomImage.frameCount(file)) frames" : ""
        let list = segments.map { segment in
            "  \(segment.number): \(segment.name)" + (segment.type.map { " (\($0))" } ?? "")
        }
        return ["DICOM, \(title)\(frames), the label of a scan", "segments     \(segments.count)"] + list
    }
}
