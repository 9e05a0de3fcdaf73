internal import Foundation
internal import SegCore
internal import SegModels
public import SegWeights

/// A model folder: `model.json` and weights, or a checkpoint of Auto3DSeg, which holds its own configuration.
public enum ModelFolder {
    /// The name of the first stage's model folder inside the folder of a cascade's second stage.
    package static let previous = "previous_stage"

    /// The description of a folder's model: its `model.json`, or else the configuration in its checkpoint.
    /// - Throws: `DataError` naming the file that is missing or wrong.
    public static func description(of folder: String) throws -> ModelDescription {
        func has(_ file: String) -> Bool { FileManager.default.fileExists(atPath: "\(folder)/\(file)") }
        let file = "\(folder)/model.json"
        guard !has("model.json") else { return try ModelDescription(file: file) }
        // The configuration is read from the file whose weights are loaded, and from no other file.
        let checkpoint = Predictor.weightsFile(in: folder)
        if FileManager.default.fileExists(atPath: checkpoint),
            let description = try Auto3DSeg.description(ofCheckpoint: checkpoint)
        {
            return description
        }
        if has("model/model.json") {
            throw DataError(.noInput, folder, "is a run folder, not a model folder; give its model, \(folder)/model")
        }
        if has("configs") {
            throw DataError(.noInput, folder, "is not a model folder; if it is a MONAI bundle, use --bundle")
        }
        guard FileManager.default.fileExists(atPath: folder) else {
            throw DataError(.noInput, folder, "does not exist; give a model folder, such as a run's RUN/model")
        }
        throw DataError(
            .noInput, folder,
            "is not a model folder: it holds neither model.json nor the model.pt of Auto3DSeg; give a model folder, such "
                + "as RUN/model of a training run")
    }

    /// Whether a folder holds a model's description.
    public static func isThere(_ folder: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(folder)/model.json")
            || (try? Weights.configuration(Auto3DSeg.entry, in: Predictor.weightsFile(in: folder))).flatMap { $0 }
                != nil
    }

    /// Writes a description and weights. At no time does the folder hold the weights of one model and the description of
    /// another: if the description changes, the old weights are removed first, and a folder without weights does not open.
    /// - Parameters:
    ///   - states: The weights of each fold.
    ///   - folder: The folder, which is created if it is missing.
    /// - Throws: `DataError` naming the key of a description that could not be opened again, or the file that cannot be
    ///   written.
    public static func write(
        _ description: ModelDescription, _ states: [[String: StoredTensor]], to folder: String
    ) throws {
        var description = description
        description.foldCount = states.count
        try description.check()
        try DurableFile.makeFolder(folder)
        let (file, text) = ("\(folder)/model.json", Array(try description.value.jsonText().utf8))
        if FileManager.default.contents(atPath: file).map(Array.init) != text {
            try removeWeights(in: folder)
            try DurableFile.write(text, to: file)
        }
        for (fold, state) in states.enumerated() {
            try Weights.write(state, to: "\(folder)/\(stem(ofFold: fold)).safetensors")
        }
    }

    /// The name of a fold's weights file without its extension: `model`, then `model_fold1` and so on.
    private static func stem(ofFold fold: Int) -> String { fold == 0 ? "model" : "model_fold\(fold)" }

    /// The weights file of each fold.
    /// - Throws: `DataError` naming a fold's file that is missing.
    public static func files(in folder: String, folds: Int) throws -> [String] {
        let first = Predictor.weightsFile(in: folder)
        return try [first]
            + (1..<max(folds, 1)).map { fold in
                let file = "\(folder)/\(stem(ofFold: fold)).safetensors"
                guard FileManager.default.fileExists(atPath: file) else {
                    throw DataError(.noInput, file, "is missing, but model.json gives \(folds) folds")
                }
                return file
            }
    }

    /// The possible weights files of a folder; the first one that exists is used.
    package static func weights(in folder: String) -> [String] {
        ["safetensors", "pt", "pth"].map { "\(folder)/model.\($0)" }
    }

    /// Removes the weights of every format, and waits until they are gone from the disk.
    private static func removeWeights(in folder: String) throws {
        let folds = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { $0.hasPrefix("model_fold") && $0.hasSuffix(".safetensors") }.map { "\(folder)/\($0)" }
        for name in weights(in: folder) + folds where unlink(name) != 0 {
            guard errno == ENOENT else {
                throw DataError(
                    .cannotWrite, name, "cannot be replaced: \(String(cString: strerror(errno)))")
            }
        }
        DurableFile.syncFolder(of: "\(folder)/model.json")
    }
}
