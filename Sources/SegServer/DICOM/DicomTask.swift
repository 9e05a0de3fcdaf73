internal import SegCore
internal import SegDICOM

/// What a child process is asked to do with the DICOM files that a client sent.
struct DicomTask: Codable {
    /// The folder of the files, a ZIP of them, or one file.
    let source: String
    let choice: DicomSelection
    let work: Work
    let bounds: Bounds

    enum Work: Codable {
        /// Writes the scan as a NIfTI file.
        case scan(to: String)
        /// Writes a mask of the scan, a NIfTI file, as a DICOM object.
        case object(DicomObject, of: DicomMaskFile, to: String)
    }

    /// What the process may take.
    struct Bounds: Codable {
        let seconds: Int
        /// Bytes of its address space.
        let memory: Int
        let voxels: Int
        /// Bytes that a ZIP unpacks to.
        let unpackedBytes: Int
    }

    /// The file of the task, in the folder that the process is given and works in.
    static let file = "task.json"
}

/// What the process made of it.
struct DicomAnswer: Codable {
    /// What a reader should know, a sentence each.
    var remarks: [String] = []
    var refusal: Refused?

    struct Refused: Codable {
        enum Kind: String, Codable { case badData, choice, tooLarge, unavailable, failed }

        let kind: Kind
        let message: String
        /// The volumes that there are, where one is to be chosen.
        var volumes: ConfigValue?
    }

    /// The file of the answer.
    static let file = "answer.json"
}

/// Which volume of several a client means.
struct DicomSelection: Codable, Hashable {
    /// The index of the series, or its UID.
    var series: String?
    var volume: Int?
    var fillsGaps = false

    var choice: DicomChoice { DicomChoice(series: series, volume: volume, fillsGaps: fillsGaps) }

    /// Whether a client chose anything.
    var isMade: Bool { self != DicomSelection() }
}

/// Where the scan of an upload came from, which DICOM objects of its masks refer to.
struct DicomOrigin: Hashable {
    /// The folder of the files, a ZIP of them, or one file.
    let source: String
    let choice: DicomSelection
}

/// A DICOM object of a mask.
enum DicomObject: String, Codable {
    case binary, labelmap, structures

    /// What a download's name ends in.
    var ending: String { self == .structures ? "_rtstruct.dcm" : "_seg.dcm" }
}

/// A mask on disk and what its numbers mean.
struct DicomMaskFile: Codable {
    let path: String
    /// Names of the classes by number.
    let names: [Int: String]
    /// What the model is called; nil where none is known.
    let model: String?
    let method: DicomMask.Method
}
