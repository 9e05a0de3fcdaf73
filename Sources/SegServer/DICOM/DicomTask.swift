internal import SegCore
internal import SegDICOM

/// The task of a child process with a client's DICOM files.
struct DicomTask: Codable {
    /// The folder of the files, a ZIP of them, or one file.
    let source: String
    let choice: DicomSelection
    let work: Work
    let bounds: Bounds

    enum Work: Codable {
        /// Write the scan as a NIfTI file.
        case scan(to: String)
        /// Write a mask of the scan, a NIfTI file, as a DICOM object.
        case object(DicomObject, of: DicomMaskFile, to: String)
    }

    /// The resource limits of the process.
    struct Bounds: Codable {
        let seconds: Int
        /// The maximum size of the process's address space, in bytes.
        let memory: Int
        let voxels: Int
        /// The maximum number of unpacked bytes of a ZIP.
        let unpackedBytes: Int
    }

    /// The file name of the task, in the working folder of the process.
    static let file = "task.json"
}

/// The result of the process.
struct DicomAnswer: Codable {
    /// Notes for the user, one sentence each.
    var remarks: [String] = []
    var refusal: Refused?

    struct Refused: Codable {
        enum Kind: String, Codable { case badData, choice, tooLarge, unavailable, failed }

        let kind: Kind
        let message: String
        /// The available volumes, if the client must choose one.
        var volumes: ConfigValue?
    }

    /// The file name of the answer.
    static let file = "answer.json"
}

/// The client's choice of a volume.
struct DicomSelection: Codable, Hashable {
    /// The index of the series, or its UID.
    var series: String?
    var volume: Int?
    var fillsGaps = false

    var choice: DicomChoice { DicomChoice(series: series, volume: volume, fillsGaps: fillsGaps) }

    /// Whether a client chose anything.
    var isMade: Bool { self != DicomSelection() }
}

/// The origin of an uploaded scan, to which DICOM objects of its masks refer.
struct DicomOrigin: Hashable {
    /// The folder of the files, a ZIP of them, or one file.
    let source: String
    let choice: DicomSelection
}

/// A DICOM object of a mask.
enum DicomObject: String, Codable {
    case binary, labelmap, structures

    /// The end of a download's name.
    var ending: String { self == .structures ? "_rtstruct.dcm" : "_seg.dcm" }
}

/// A mask on disk and the meaning of its numbers.
struct DicomMaskFile: Codable {
    let path: String
    /// The class names by number.
    let names: [Int: String]
    /// The model's name; nil if it is unknown.
    let model: String?
    let method: DicomMask.Method
}
