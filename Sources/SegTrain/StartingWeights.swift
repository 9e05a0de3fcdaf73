internal import Foundation
internal import SegCore
internal import SegInference
internal import SegModels
public import SegNN
internal import SegWeights

/// Weights of another model that a training begins with, and parts of the network that it leaves as they are.
public struct StartingWeights: Hashable, Sendable {
    /// A model folder, a MONAI bundle, or a file of weights.
    public let path: String

    /// Takes the place of a model.
    public init(_ path: String) { self.path = path }

    /// Gives a network the values of all parameters that the model has under the same name and in the same shape; the
    /// others keep their random ones. PyTorch's `load_state_dict(strict=False)`, which refuses other shapes.
    /// - Returns: What a person should know, a sentence each: what begins anew and what is left out, by name.
    /// - Throws: `DataError` where the model cannot be read or no parameter fits.
    public func load(into store: ParameterStore) throws -> [String] {
        let (match, notes) = try store.loadMatching(weights())
        let total = match.matched.count + match.missing.count + match.misshapen.count
        var sentences = ["\(path): \(match.matched.count) of \(total) arrays of the network begin with its values"]
        if !match.misshapen.isEmpty {
            let shapes = match.misshapen.map { "\($0.name) (there \($0.file), here \($0.network))" }
            sentences.append("These begin anew, for their shape is another: \(shapes.shortList())")
        }
        if !match.missing.isEmpty {
            sentences.append("These begin anew, for it does not have them: \(match.missing.shortList())")
        }
        if !match.unexpected.isEmpty {
            sentences.append(
                "These of it are left out, for the network does not have them: \(match.unexpected.shortList())")
        }
        return sentences + notes
    }

    private func weights() throws -> Weights {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw DataError(.noInput, path, key: "init_from", "is not there; give a model folder or a file of weights")
        }
        guard isFolder.boolValue else { return try Weights.read(path) }
        guard FileManager.default.fileExists(atPath: "\(path)/configs") else {
            return try Weights.read(Predictor.weightsFile(in: path))
        }
        let bundle = try MONAIBundle(folder: path)
        return try Weights.read(bundle.weights, bundle.choice)
    }
}
