import Foundation
import SegInference
import SegModels
import SegWeights

/// Where weights and description of a model stand: two files, a model folder, or a MONAI bundle.
struct ModelSource {
    /// The file of the weights.
    let weights: String
    /// Which dictionary of a PyTorch checkpoint the weights are.
    let choice: Weights.Choice
    /// What describes the model, and the file that says so; nil for weights alone.
    let description: (description: ModelDescription, file: String)?

    /// Looks at a path.
    /// - Parameter network: A description in place of the folder's own.
    /// - Throws: `DataError` where a description cannot be read, or changes of a bundle are said of something else.
    init(_ path: String, network: String?, _ changes: BundleOptions) throws {
        let own = try network.map { (try ModelDescription(file: $0), $0) }
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard isThere, isFolder.boolValue else {
            try changes.refuse()
            (weights, choice, description) = (path, .usual, own)
            return
        }
        guard ModelFolder.isThere(path) || !(MONAIBundle.isThere(path) || !changes.bundleConfig.isEmpty) else {
            let bundle = try MONAIBundle(folder: path, changes)
            (weights, choice) = (bundle.weights, bundle.choice)
            description = own ?? (bundle.description, bundle.description.network.source)
            return
        }
        try changes.refuse()
        (weights, choice) = (Predictor.weightsFile(in: path), .usual)
        if let own {
            description = own
        } else {
            let found = try ModelFolder.description(of: path)
            description = (found, found.network.source)
        }
    }
}
