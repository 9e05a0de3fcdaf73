internal import SegCore
internal import SegData
internal import SegInference
internal import SegYAML

/// Descriptions of models, bundles, datasets and training runs.
enum DocumentInput {
    /// A `model.json`: a description that is read and written must be read as the same.
    static func model(_ input: [UInt8], _ folder: FuzzFolder) throws {
        let path = try folder.write(input, as: "model.json")
        guard let model = try unlessRefused({ try ModelDescription(file: path) }) else { return }
        _ = try unlessRefused { try model.classCount }
        _ = try folder.write(Array(try takingBack("a model") { try model.value.jsonText() }.utf8), as: "model.json")
        let again = try takingBack("a model") { try ModelDescription(file: path) }
        try insist(again == model, "a model became another: \(model.value) and \(again.value)")
    }

    /// The configuration of a MONAI bundle.
    static func bundle(_ input: [UInt8], _ folder: FuzzFolder) throws {
        let path = try folder.write(input, as: "inference.json")
        _ = try unlessRefused {
            let document = try ConfigValue(jsonFile: path)
            return try MONAIBundle(folder: folder.path, inference: document, source: path, metadata: document)
        }
    }

    /// A `dataset.json`, of the Decathlon or of nnU-Net.
    static func dataset(_ input: [UInt8], _ folder: FuzzFolder) throws {
        let path = try folder.write(input, as: "dataset.json")
        _ = try unlessRefused { try Dataset.unchecked(path: path) }
        _ = try unlessRefused { try Dataset(folder: folder.path, patterns: nil) }
        _ = try unlessRefused { try CaseSplit(file: path) }
    }

    /// A configuration in YAML: a value that is read and written must be read as the same.
    static func yaml(_ input: [UInt8], _ folder: FuzzFolder) throws {
        let path = try folder.write(input, as: "training.yaml")
        guard let value = try unlessRefused({ try ConfigValue(yamlFile: path, changes: []) }) else { return }
        let text = try value.yamlText()
        // With its aliases expanded, a document may be longer than the reader's limit.
        guard text.utf8.count <= Limits.yamlBytes else { return }
        _ = try folder.write(Array(text.utf8), as: "training.yaml")
        let again = try takingBack("a configuration") { try ConfigValue(yamlFile: path, changes: []).yamlText() }
        try insist(again == text, "a configuration became another:\n\(text)\(again)")
    }
}
