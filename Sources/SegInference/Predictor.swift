internal import Foundation
public import SegBackend
public import SegImaging
public import SegModels
internal import SegNN
internal import SegTensor

/// A model ready to predict: network, weights and description on a backend.
public final class Predictor {
    /// What the model expects.
    public let description: ModelDescription
    /// The network with its weights.
    public let network: any Network
    private let backend: any Backend

    /// Classes that the network tells apart, background included; a single channel tells two apart.
    public var classes: Int { max(2, network.outputChannels) }

    /// Wraps a network that has its weights.
    public init(network: any Network, description: ModelDescription, on backend: any Backend) {
        self.network = network
        self.description = description
        self.backend = backend
    }

    /// Builds the network and loads weights.
    /// - Throws: `ConfigError` where the network cannot be built or the weights do not fit it; `BackendError`.
    public convenience init(weights: String, description: ModelDescription, on backend: any Backend) throws {
        let network = try description.makeNetwork(on: backend, seed: 0)
        try network.store.load(Weights.read(weights).tensors, source: weights)
        self.init(network: network, description: description, on: backend)
    }

    /// Opens a model folder: `model.json` and `model.safetensors`, or in its place `model.pt` or `model.pth`.
    /// - Throws: `ConfigError` naming the file that is missing or wrong; `BackendError`.
    public convenience init(folder: String, on backend: any Backend) throws {
        try self.init(
            weights: Self.weightsFile(in: folder), description: ModelDescription(file: folder + "/model.json"),
            on: backend)
    }

    /// The first of a model folder's possible weights that is there; safetensors where none is.
    public static func weightsFile(in folder: String) -> String {
        let candidates = ["safetensors", "pt", "pth"].map { "\(folder)/model.\($0)" }
        return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? candidates[0]
    }

    /// Predicts a scan.
    /// - Parameters:
    ///   - scan: The scan as read.
    ///   - name: Its file, for errors.
    ///   - progress: Called with the windows done and their number.
    /// - Throws: `ImagingError` where the scan cannot be prepared; `TensorError` or `BackendError` from the network.
    public func predict(_ scan: Volume, name: String, progress: (Int, Int) -> Void) throws -> Prediction {
        guard network.inputChannels == 1 else {
            throw InferenceError("the network takes \(network.inputChannels) channels; a scan has one")
        }
        guard network.outputChannels <= 255 else {
            throw InferenceError("the network has \(network.outputChannels) classes; a mask holds at most 255")
        }
        let prepared = try description.preprocessing(scan, name: name)
        let size = prepared.image.size
        let image = try Tensor(prepared.image.voxels, shape: [1, size.i, size.j, size.k, 1], on: backend)
        let window = SlidingWindow(
            window: description.roiSize, overlap: description.overlap, blending: description.mode)
        let logits = try window(image, progress: progress) { try network($0, in: .inference) }
        let channels = network.outputChannels
        let probabilities =
            channels == 1 ? try logits.floats().map { 1 / (1 + exp(-$0)) } : try softmax(logits).floats()
        guard probabilities.allSatisfy(\.isFinite) else {
            throw InferenceError(
                "\(name): the network's output is not finite; its weights are damaged or not of this preprocessing")
        }
        return Prediction(probabilities: probabilities, channels: channels, record: prepared.record)
    }
}
