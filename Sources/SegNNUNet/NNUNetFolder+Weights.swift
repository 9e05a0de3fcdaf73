public import SegBackend
internal import SegCore
public import SegInference
internal import SegModels
internal import SegNN
public import SegWeights

extension NNUNetFolder {
    /// The arrays of a fold's network, with the names and shapes of MedSeg's network.
    /// - Throws: `DataError` naming the file that is damaged.
    public func weights(of checkpoint: String) throws -> Weights {
        let weights = try Weights.read(checkpoint, .named("network_weights"))
        let isFlat = description.roiSize?.d == 1
        var tensors: [String: StoredTensor] = [:]
        for (name, tensor) in weights.tensors where !Self.isAlias(name) {
            tensors[name] = isFlat ? Self.volume(tensor) : tensor
        }
        return Weights(source: checkpoint, tensors: tensors, notes: weights.notes)
    }

    /// Whether a name is a second name of an array: in PyTorch blocks list layers twice, and the decoder contains the encoder.
    private static func isAlias(_ name: String) -> Bool {
        name.hasPrefix("decoder.encoder.") || name.contains(".all_modules.")
    }

    /// A 2-D kernel as a 3-D one.
    private static func volume(_ tensor: StoredTensor) -> StoredTensor {
        guard tensor.shape.count == 4 else { return tensor }
        return tensor.reshaped(tensor.shape[..<2] + [1] + tensor.shape[2...])
    }

    /// Builds the networks of all folds with their weights.
    /// - Throws: `DataError` if weights do not fit the plan's network; `BackendError` if there is too little memory.
    public func predictor(on backend: any Backend) throws -> Predictor {
        let networks = try checkpoints.map { checkpoint in
            let network = try description.makeNetwork(on: backend, seed: 0)
            _ = try network.store.load(weights(of: checkpoint))
            return network
        }
        let stage: PreviousStage? =
            try previousMasks.map { .masks(folder: $0) } ?? previous.first.map { .model(try $0.predictor(on: backend)) }
        let predictor = Predictor(
            network: networks[0], folds: Array(networks.dropFirst()), previousStage: stage, description: description,
            on: backend)
        predictor.notes = notes
        return predictor
    }
}
