internal import HTTPTypes
internal import SegCore
internal import SegImaging

/// The options of a MONAI Label client's request besides the model and the scan: the field `params`.
///
/// Such clients send many options about MONAI Label's own operation; these are ignored. Options that would change the
/// result but are not supported are refused by name, and unknown options are named in the response.
struct InferParams: Sendable {
    let options: JobOptions
    /// Whether the mask is stored as a label of the image; nil if the client does not specify it.
    let savesLabel: Bool?
    /// The tag of the stored label.
    let tag: String
    /// The maximum number of predicted images of a batch; nil for all.
    let mostImages: Int?
    /// The unknown options.
    let ignored: [String]

    /// - Throws: `Refusal` naming every option whose value is not valid or not supported.
    init(_ document: ConfigValue) throws {
        var options = try JobOptions(document)
        var faults: [String] = []
        func read<Value>(_ key: String, _ expected: String, _ value: (ConfigValue) -> Value?) -> Value? {
            guard let found = document[key], found != .null else { return nil }
            let read = value(found)
            if read == nil { faults.append("\(key) should be \(expected), not \(found.brief)") }
            return read
        }
        let endings = ScanFile.singleFileEndings
        options.maskEnding =
            read("result_extension", "one of \(endings.joined(separator: ", "))") { value in
                value.string.flatMap { text in endings.first { $0 == text || $0 == ".\(text)" } }
            } ?? options.maskEnding
        self.options = options
        savesLabel = read("save_label", "true or false", \.bool)
        tag = read("label_tag", "text", \.string) ?? StudyImage.originalTag
        let most = read("max_batch_size", "an integer from 0") { value in value.int.flatMap { $0 >= 0 ? $0 : nil } }
        mostImages = most.flatMap { $0 > 0 ? $0 : nil }
        // A .nii file is never compressed.
        let isPlain = options.maskEnding == ".nii" && document["result_compress"] == false
        for (key, only) in Self.results where !(isPlain && key == "result_compress") {
            guard let value = document[key], value != .null, !only.contains(value) else { continue }
            let can = only.first.map { "it is always \($0.brief) here" } ?? "this server does not support it"
            faults.append("\(key) \(value.brief) is not supported: \(can); leave it out")
        }
        let known =
            JobOptions.CodingKeys.allCases.map(\.rawValue) + [
                "save_label", "label_tag", "max_batch_size", "result_extension",
            ]
        let others = document.members.keys.filter { key in
            !known.contains(key) && !Self.workings.contains(key) && Self.results[key] == nil
        }
        for key in others.sorted() {
            if let meant = nearest(to: key, among: known) {
                faults.append("'\(key.beginning(40))' is not an option; did you mean '\(meant)'?")
            }
        }
        guard faults.isEmpty else { throw Refusal(.badRequest, faults.sorted().joined(separator: "; ")) }
        _ = try Datastore.checked(tag, "label_tag")
        ignored = others.sorted()
    }

    /// MONAI Label's options that affect the result, with the values that match the behaviour of this server.
    private static let results: [String: [ConfigValue]] = [
        "result_dtype": ["uint8"], "result_compress": [true],
        "result_write_to_file": [true], "skip_writer": [false], "restore_label_idx": [false], "largest_cc": [false],
        "roi_size": [], "spatial_size": [], "sw_overlap": [], "pixdim": [], "target_spacing": [], "labels": [],
        "model_filename": [], "foreground": [[]], "background": [[]], "points": [[]], "boxes": [[]], "bbox": [],
        "roi": [], "location": [], "size": [], "slices": [], "scribbles": [],
    ]

    /// MONAI Label's options about its own operation, which do not affect the result.
    private static let workings: Set<String> = [
        "client_id", "device", "multi_gpu", "gpus", "logging", "max_workers", "sw_batch_size", "timeout", "image",
        "images", "model", "session", "session_id", "user", "description", "label_info", "cache_transforms",
        "cache_transforms_in_memory", "cache_transforms_ttl", "output",
    ]
}

extension ConfigValue {
    /// The value in a message, shortened if it is long.
    fileprivate var brief: String {
        let text = description
        return text.count > 60 ? text.prefix(60) + "…" : text
    }
}
