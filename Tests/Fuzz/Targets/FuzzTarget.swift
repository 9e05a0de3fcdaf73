/// A reader that is fed with any bytes.
///
/// An input passes where it is taken or refused by one of the package's own errors. A crash, a reader that takes too
/// long or too much memory, and a `FuzzFinding` are faults.
public struct FuzzTarget: Sendable {
    /// What a run is given: the bytes, and a folder to put files into.
    public typealias Body = @Sendable (_ input: [UInt8], _ folder: FuzzFolder) throws -> Void

    /// Its name, and that of its folder of inputs in `Tests/Fuzz/corpus`.
    public let name: String
    /// Bytes of the longest input that is made for it.
    public let longestInput: Int
    /// Feeds the reader.
    /// - Throws: `FuzzFinding` where what the reader says of the input cannot be right.
    public let run: Body

    init(_ name: String, longest: Int, _ run: @escaping Body) {
        self.name = name
        longestInput = longest
        self.run = run
    }

    /// Every target; a reader of a new format is one line here and a folder of inputs.
    public static let all: [FuzzTarget] = [
        FuzzTarget("nifti", longest: 2048, ScanInput.single),
        FuzzTarget("nifti-pair", longest: 2048, ScanInput.pair),
        FuzzTarget("nifti-gzip", longest: 2048, ScanInput.compressed),
        FuzzTarget("nrrd", longest: 2048, ScanInput.nrrd),
        FuzzTarget("metaimage", longest: 2048, ScanInput.metaImage),
        FuzzTarget("dicom", longest: 4096, DicomInput.file),
        FuzzTarget("safetensors", longest: 2048, WeightsInput.safetensors),
        FuzzTarget("checkpoint", longest: 4096, WeightsInput.checkpoint),
        FuzzTarget("pickle", longest: 2048, WeightsInput.pickle),
        FuzzTarget("model", longest: 4096, DocumentInput.model),
        FuzzTarget("nnunet", longest: 8192, NNUNetInput.folder),
        FuzzTarget("bundle", longest: 4096, DocumentInput.bundle),
        FuzzTarget("dataset", longest: 4096, DocumentInput.dataset),
        FuzzTarget("yaml", longest: 2048, DocumentInput.yaml),
        FuzzTarget("json", longest: 2048, JSONInput.agreesWithFoundation),
        FuzzTarget("archive", longest: 32_768, ArchiveInput.importing),
        FuzzTarget("form", longest: 2048, ServerInput.form),
        FuzzTarget("datastore", longest: 4096, ServerInput.datastoreIndex),
        FuzzTarget("journal", longest: 4096, JournalInput.opening),
    ]
}

/// What a reader did with an input that cannot be right, though it did not crash.
public struct FuzzFinding: Error, CustomStringConvertible {
    /// One sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}
