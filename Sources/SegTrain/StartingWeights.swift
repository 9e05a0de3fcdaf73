internal import Foundation
internal import SegBackend
internal import SegCore
internal import SegInference
internal import SegModels
public import SegNN
internal import SegWeights

/// The weights of another model with which a training run begins.
public struct StartingWeights: Hashable, Sendable {
    /// A model folder, a MONAI bundle with `models/model.pt`, or a file of weights.
    public let path: String

    /// Creates starting weights from the path of a model.
    public init(_ path: String) { self.path = path }

    /// Copies the values of all parameters that the model has with the same name and shape; the other parameters keep their
    /// random values. PyTorch's `load_state_dict(strict=False)`, which refuses other shapes.
    /// - Returns: Notes for the user, one sentence each: the names of the parameters and arrays that are not copied.
    /// - Throws: `DataError` if the model cannot be read or no parameter fits.
    ///
    /// From a checkpoint of nnU-Net, everything but the segmentation layers is copied, and all of it must fit; nnU-Net's
    /// `-pretrained_weights`.
    public func load(into store: ParameterStore) throws -> [String] {
        if let weights = try nnUNetWeights() { return try Self.loadNNUNet(weights, into: store) }
        let (match, notes) = try store.loadMatching(weights())
        let total = match.matched.count + match.missing.count + match.misshapen.count
        var sentences = ["\(path): \(match.matched.count) of \(total) arrays of the network are initialised from it"]
        if !match.misshapen.isEmpty {
            let shapes = match.misshapen.map { "\($0.name) (file \($0.file), network \($0.network))" }
            sentences.append("These arrays keep random values, because their shapes differ: \(shapes.shortList())")
        }
        if !match.missing.isEmpty {
            sentences.append(
                "These arrays keep random values, because the file does not have them: \(match.missing.shortList())")
        }
        if !match.unexpected.isEmpty {
            sentences.append(
                "These arrays of the file are not used, because the network does not have them: \(match.unexpected.shortList())"
            )
        }
        return sentences + notes
    }

    /// The network's weights in a checkpoint that nnU-Net's trainer has saved; nil if the file is not such a checkpoint.
    private func nnUNetWeights() throws -> Weights? {
        guard ["pth", "pt"].contains((path as NSString).pathExtension.lowercased()),
            FileManager.default.fileExists(atPath: path),
            try Weights.configuration("trainer_name", in: path) != nil
        else { return nil }
        return try Weights.read(path, .named("network_weights"))
    }

    private static func loadNNUNet(_ weights: Weights, into store: ParameterStore) throws -> [String] {
        let wanted = store.parameters.filter { !$0.name.contains(".seg_layers.") }
        var (taken, faults): ([String: StoredTensor], [String]) = ([:], [])
        for parameter in wanted {
            let shape = parameter.shape.dimensions
            guard let stored = weights.tensors[parameter.name] else {
                faults.append("\(parameter.name) is missing")
                continue
            }
            // A 2-D kernel becomes a 3-D kernel of size 1 along the first axis.
            let isSlice = stored.shape.count == 4 && shape.count == 5 && shape[2] == 1
            let tensor = isSlice ? stored.reshaped(stored.shape[..<2] + [1] + stored.shape[2...]) : stored
            if tensor.shape == shape {
                taken[parameter.name] = tensor
            } else {
                faults.append("\(parameter.name) has the shape \(stored.shape) in the file and \(shape) in the network")
            }
        }
        guard faults.isEmpty else {
            throw DataError(
                .badData, weights.source, key: "init_from",
                "all arrays of an nnU-Net checkpoint except the segmentation layers must fit the network: "
                    + "\(faults.shortList()). Give a model of the same plans, or leave init_from out")
        }
        let (match, notes) = try store.loadMatching(
            Weights(source: weights.source, tensors: taken, notes: weights.notes))
        return [
            "\(weights.source): \(match.matched.count) arrays are initialised from it; "
                + "the segmentation layers keep random values"
        ] + notes
    }

    private func weights() throws -> Weights {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw DataError(.noInput, path, key: "init_from", "is missing; give a model folder or a file of weights")
        }
        guard isFolder.boolValue else { return try Weights.read(path) }
        let isRun = FileManager.default.fileExists(atPath: "\(path)/model/model.json")
        guard !isRun || FileManager.default.fileExists(atPath: "\(path)/model.json") else {
            throw DataError(
                .noInput, path, key: "init_from",
                "is a run folder, not a model folder; give its model, \(path)/model")
        }
        // A bundle keeps its weights in the subfolder `models`.
        let isBundle = FileManager.default.fileExists(atPath: "\(path)/configs")
        return try Weights.read(Predictor.weightsFile(in: isBundle ? "\(path)/models" : path))
    }
}
