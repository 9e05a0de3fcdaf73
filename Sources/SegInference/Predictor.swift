internal import Foundation
public import SegBackend
internal import SegCore
public import SegImaging
public import SegModels
internal import SegNN
internal import SegTensor
public import SegWeights

/// A model ready to predict: network, weights and description on a backend.
public final class Predictor {
    /// What the model expects.
    public let description: ModelDescription
    /// The network with its weights.
    public let network: any Network
    let backend: any Backend
    /// What a person should know of the weights, such as others in the same file, a sentence each.
    public private(set) var notes: [String] = []

    /// Classes that the network tells apart, background included; a single channel tells two apart.
    public var classes: Int { max(2, network.outputChannels) }

    /// Wraps a network that has its weights.
    public init(network: any Network, description: ModelDescription, on backend: any Backend) {
        self.network = network
        self.description = description
        self.backend = backend
    }

    /// Builds the network and loads weights.
    /// - Parameter choice: Which dictionary of a PyTorch checkpoint is taken.
    /// - Throws: `DataError` where the network cannot be built or the weights do not fit it; `BackendError`.
    public convenience init(
        weights: String, _ choice: Weights.Choice = .usual, description: ModelDescription, on backend: any Backend
    ) throws {
        let network = try description.makeNetwork(on: backend, seed: 0)
        let notes = try network.store.load(Weights.read(weights, choice))
        self.init(network: network, description: description, on: backend)
        self.notes = notes.map { "\(weights): \($0)" }
    }

    /// Opens a model folder: `model.json` and `model.safetensors`, or in its place `model.pt` or `model.pth`; or a folder
    /// of Auto3DSeg's checkpoint alone.
    /// - Throws: `DataError` naming the file that is missing or wrong; `BackendError`.
    public convenience init(folder: String, on backend: any Backend) throws {
        try self.init(
            weights: Self.weightsFile(in: folder), description: ModelFolder.description(of: folder), on: backend)
    }

    /// The first of a model folder's possible weights that is there; safetensors where none is.
    public static func weightsFile(in folder: String) -> String {
        let candidates = ModelFolder.weights(in: folder)
        return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? candidates[0]
    }

    /// Predicts a scan of one channel.
    /// - Throws: Errors as for several.
    public func predict(_ scan: Volume, name: String, progress: (Int, Int) throws -> Void) throws -> Prediction {
        try predict(ScanImage(scan), name: name, progress: progress)
    }

    /// Predicts a scan.
    /// - Parameters:
    ///   - scan: The scan as read, with as many channels as the network takes.
    ///   - name: Its file, for errors.
    ///   - progress: Called with the windows done and their number.
    /// - Throws: `DataError` where the scan cannot be prepared; `TensorError` or `BackendError` from the network.
    public func predict(_ scan: ScanImage, name: String, progress: (Int, Int) throws -> Void) throws -> Prediction {
        let prepared = try prepare(scan, name: name)
        try PredictionMemory(
            image: padded(prepared.image.size), scan: scan.size, inputs: network.inputChannels,
            channels: network.outputChannels, maps: description.maskPlan.isRegions ? network.outputChannels : 1,
            between: prepared.record.largestBetween, isUncertain: false
        ).check(on: backend, name: name)
        let size = prepared.image.size
        let probabilities = try probabilities(
            of: tensor(prepared.image.interleaved, size: size), size: size, name: name, progress: progress
        ) { x, _ in try network(x, in: .inference) }
        return Prediction(
            probabilities: probabilities, channels: network.outputChannels, record: prepared.record)
    }
}

extension Predictor {
    /// A scan on the network's grid.
    func prepare(_ scan: ScanImage, name: String) throws -> Preprocessing.Prepared {
        guard network.inputChannels == scan.channels.count else {
            throw DataError(
                .badData, name,
                "is \(scan.channels.count == 1 ? "one channel" : "\(scan.channels.count) channels"), and the model takes \(network.inputChannels): give it as "
                    + "many scans of a case together, in the model's order")
        }
        guard network.outputChannels <= ModelDescription.mostClasses else {
            throw InferenceError(
                "the network has \(network.outputChannels) classes; a mask holds at most \(ModelDescription.mostClasses)"
            )
        }
        return try description.preprocessing(scan, name: name)
    }

    /// A prepared image as the network takes it, `[1, D, H, W, C]`.
    ///
    /// Where it is smaller than a window, and what lies beside it is not 0, it is padded.
    /// - Parameter voxels: Those of the image, channels side by side.
    func tensor(_ voxels: [Float], size: Triple) throws -> Tensor {
        let channels = network.inputChannels
        var (voxels, size) = (voxels, size)
        let grown = padded(size)
        if grown != size {
            voxels = description.padding.pad(voxels, size: size, channels: channels, to: grown)
            size = grown
        }
        return try Tensor(voxels, shape: [1, size.d, size.h, size.w, channels], on: backend)
    }

    /// Extents of an image as the network takes it: of at least a window, where what lies beside it is not 0.
    func padded(_ size: Triple) -> Triple {
        guard description.padding != .constant(0), let window = description.roiSize else { return size }
        return Triple(max(size.d, window.d), max(size.h, window.h), max(size.w, window.w))
    }

    /// What the memory limit left at the peak.
    var unusedMemory: Int { backend.memoryLimit.map { max(0, $0 - backend.memory.peak) } ?? .max }

    /// Class probabilities of an image, `[D, H, W, channels]`, of the blended logits of all windows.
    /// - Parameters:
    ///   - image: As `tensor(_:size:)` made it.
    ///   - size: The image's extents without padding.
    ///   - logits: Takes a window and its number to the logits of the window.
    func probabilities(
        of image: Tensor, size: Triple, name: String, progress: (Int, Int) throws -> Void,
        logits predict: (Tensor, Int) throws -> Tensor
    ) throws -> [Float] {
        let extents = image.shape.size
        let grown = Triple(extents.d, extents.h, extents.w)
        let window = SlidingWindow(of: description, over: grown)
        var number = 0
        let logits = try window(image, progress: progress) { x in
            defer { number += 1 }
            return try predict(x, number)
        }
        let (probabilities, areFinite) = try StageClock.time("probabilities") {
            let isSigmoid = network.outputChannels == 1 || description.maskPlan.probabilities == .sigmoid
            let probabilities =
                isSigmoid
                ? try logits.floats().map { 1 / (1 + exp(-$0)) } : try softmax(logits).floats()
            return (probabilities, probabilities.allSatisfy(\.isFinite))
        }
        guard areFinite else {
            // The scan's fault or the weights': where there are several scans, the others are still tried.
            throw DataError(
                .badData, name,
                "the network's output is not finite; its weights are damaged or not of this preprocessing")
        }
        return WindowPadding.crop(probabilities, of: grown, channels: network.outputChannels, to: size)
    }
}
