/// A reader that gets arbitrary bytes.
///
/// An input passes if it is accepted, or refused with one of the package's own errors. A crash, a reader that needs too
/// long or too much memory, and a `FuzzFinding` are faults.
public struct FuzzTarget: Sendable {
    /// The arguments of a run: the bytes, and a folder for files.
    public typealias Body = @Sendable (_ input: [UInt8], _ folder: FuzzFolder) throws -> Void

    /// The name of the target and of its folder of inputs in `Tests/Fuzz/corpus`.
    public let name: String
    /// The maximum length of an input in bytes.
    public let longestInput: Int
    /// Feeds the reader.
    /// - Throws: `FuzzFinding` if the result of the reader cannot be correct.
    public let run: Body

    init(_ name: String, longest: Int, _ run: @escaping Body) {
        self.name = name
        longestInput = longest
        self.run = run
    }

    /// Every target; the reader of a new format needs one line here and a folder of inputs.
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

/// A result of a reader that cannot be correct, although the reader did not crash.
public struct FuzzFinding: Error, CustomStringConvertible {
    /// The fault, in one sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}
