internal import Foundation
internal import SegBackend
public import SegCore
internal import SegModels
internal import SegNN
internal import SegTensor
package import SegWeights

/// Everything that a training run needs to continue as if it had never stopped, in one safetensors file.
///
/// `model.NAME` are the network's parameters and buffers, `optimizer.NAME` the optimiser's state, `ema.NAME` the moving
/// average of the parameters, if the run has one. On backends that compute in float32 a run continues bit for bit; on the
/// reference, which computes in float64, it continues from rounded values.
public struct Checkpoint: Sendable {
    /// The state of the training loop.
    public let state: TrainingState
    /// The configuration of the run, with every default written out.
    public let configuration: ConfigValue
    /// The fingerprint of the training data.
    public let data: DataFingerprint
    /// The device that computed the checkpoint; on another device the run may continue with other bits.
    public let device: String
    /// Whether the gradients of a step were summed by the tree of `GradientSum`; until 0.2 they were summed one by one.
    public let sumsByTree: Bool
    let optimizerSteps: Int
    /// The arrays: `model.NAME`, `optimizer.SLOT.NAME`, `ema.NAME`.
    package let tensors: [String: StoredTensor]

    private static let format = "medseg-checkpoint-1"

    /// The metadata beside the arrays.
    private struct Header: Codable {
        let state: TrainingState
        let configuration: ConfigValue
        let data: DataFingerprint
        let device: String
        let optimizerSteps: Int
        /// Absent in checkpoints of versions without the tree.
        let sumsByTree: Bool?
    }

    init(
        state: TrainingState, configuration: ConfigValue, data: DataFingerprint, device: String, optimizerSteps: Int,
        tensors: [String: StoredTensor], sumsByTree: Bool = true
    ) {
        self.state = state
        self.configuration = configuration
        self.data = data
        self.device = device
        self.optimizerSteps = optimizerSteps
        self.tensors = tensors
        self.sumsByTree = sumsByTree
    }

    /// Reads a checkpoint.
    /// - Throws: `DataError` naming the file if it cannot be read or is not a checkpoint.
    public init(file path: String) throws {
        let file = try Safetensors(file: path)
        guard file.metadata["format"] == Self.format, let text = file.metadata["training"],
            let header = try? JSONDecoder().decode(Header.self, from: Data(text.utf8))
        else {
            throw DataError(
                .badData, path,
                "is not a checkpoint that this version of MedSeg can resume; use the version that wrote it, or start another "
                    + "run")
        }
        self.init(
            state: header.state, configuration: header.configuration, data: header.data, device: header.device,
            optimizerSteps: header.optimizerSteps, tensors: file.tensors, sumsByTree: header.sumsByTree ?? false)
    }

    /// Writes the checkpoint atomically: at every moment the path holds either the whole old file or the whole new one.
    /// - Throws: `DataError` naming the file; the old file is then unchanged.
    public func write(to path: String) throws {
        let header = Header(
            state: state, configuration: configuration, data: data, device: device, optimizerSteps: optimizerSteps,
            sumsByTree: sumsByTree)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(header), as: UTF8.self)
        let file = Safetensors(tensors: tensors, metadata: ["format": Self.format, "training": text])
        try DurableFile.write(file.encoded(), to: path)
    }
}

extension Trainer {
    /// The state beside the network that is kept from step to step, by its names in a checkpoint.
    private var kept: [(name: String, values: Tensor)] {
        optimizer.slots.map { ("optimizer." + $0.name, $0.values) }
            + (averages?.values ?? []).map { ("ema." + $0.name, $0.values) }
    }

    /// A checkpoint from which the run can continue.
    /// - Parameter data: The fingerprint of the training data, if they are a dataset's split.
    /// - Throws: `BackendError` if a transfer fails.
    public func checkpoint(data: DataFingerprint = .unknown) throws -> Checkpoint {
        let aliases = Set(network.store.aliases.map(\.name))
        var tensors: [String: StoredTensor] = [:]
        for (name, tensor) in try network.store.state() where !aliases.contains(name) {
            tensors["model." + name] = tensor
        }
        for (name, values) in kept {
            tensors[name] = StoredTensor(try values.floats(), shape: values.shape.dimensions)
        }
        return Checkpoint(
            state: state, configuration: document, data: data,
            device: "\(backend.name): \(backend.details)", optimizerSteps: optimizer.step, tensors: tensors)
    }

    /// Restores the state of a checkpoint; to be called before `run`.
    /// - Parameters:
    ///   - seconds: The duration of the run up to the checkpoint, in seconds.
    ///   - source: The checkpoint's file, for errors.
    /// - Throws: `DataError` if an array does not fit the network or the optimiser; `BackendError`.
    public func restore(_ checkpoint: Checkpoint, seconds: Double, source: String) throws {
        let prefix = "model."
        let model = checkpoint.tensors.lazy.filter { $0.key.hasPrefix(prefix) }
            .map { (String($0.key.dropFirst(prefix.count)), $0.value) }
        try network.store.load(Dictionary(uniqueKeysWithValues: model), source: source)
        for (name, values) in kept {
            guard let stored = checkpoint.tensors[name], stored.shape == values.shape.dimensions else {
                throw DataError(.badData, source, key: name, "is missing, or its shape does not fit the network")
            }
            let new = try Tensor(stored.floats(), shape: values.shape, on: backend)
            try backend.scale(new.view, by: 1, into: values.view, times: 0)
        }
        optimizer.step = checkpoint.optimizerSteps
        state = checkpoint.state
        state.reconsider(options.earlyStopping)
        secondsBefore = seconds
        hasCheckpoint = true
    }
}
