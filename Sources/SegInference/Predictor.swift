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

    /// Wraps a network that has its weights.
    public init(network: any Network, description: ModelDescription, on backend: any Backend) {
        self.network = network
        self.description = description
        self.backend = backend
    }

    /// Builds the network and loads weights.
    /// - Throws: `ConfigError` where the network cannot be built or the weights do not fit it; `BackendError`.
    public convenience init(weights: String, description: ModelDescription, on backend: any Backend) throws {
        let network = try description.network.makeNetwork(on: backend, seed: 0)
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
        return Prediction(
            probabilities: try softmax(logits).floats(), classes: network.outputChannels, record: prepared.record)
    }
}

/// Class probabilities on the network's grid, and the way back to the scan's.
public struct Prediction: Sendable {
    /// `[D, H, W, classes]` on the network's grid.
    public let probabilities: [Float]
    /// Number of classes, background included.
    public let classes: Int
    /// What was done to the scan's grid.
    public let record: SpatialRecord

    /// Rows of the scan that are restored at a time: the only ones whose probabilities of all classes are in memory.
    private static let slab = 8

    /// The most probable class of every voxel of the scan, in its own orientation and spacing.
    ///
    /// Probabilities are brought back trilinearly and compared slab by slab; outside the network's box it is 0.
    public func mask() -> [UInt8] {
        let row = record.scanSize.j * record.scanSize.k
        var mask: [UInt8] = []
        mask.reserveCapacity(record.scanSize.count)
        forEachSlab { values in
            values.withUnsafeBufferPointer { values in
                for voxel in 0..<values.count / classes {
                    var best = 0
                    let base = voxel * classes
                    for c in 1..<classes where values[base + c] > values[base + best] { best = c }
                    mask.append(UInt8(best))
                }
            }
        }
        precondition(mask.count == record.scanSize.i * row, "slabs do not cover the scan")
        return mask
    }

    /// The probability of one class at every voxel of the scan; 0 outside the network's box.
    public func probability(of label: Int) -> [Float] {
        precondition(label >= 0 && label < classes, "class \(label) of \(classes)")
        var map: [Float] = []
        map.reserveCapacity(record.scanSize.count)
        forEachSlab { values in
            for voxel in 0..<values.count / classes { map.append(values[voxel * classes + label]) }
        }
        return map
    }

    private func forEachSlab(_ body: ([Float]) -> Void) {
        for start in stride(from: 0, to: record.scanSize.i, by: Self.slab) {
            let rows = start..<min(start + Self.slab, record.scanSize.i)
            body(record.restore(probabilities, channels: classes, rows: rows))
        }
    }
}
