internal import HTTPTypes
internal import MedSeg
internal import SegBackend
internal import SegCore
internal import SegInference
internal import SegModels
internal import SegNN

/// The loaded models, the most recently used first, within a budget of bytes.
struct PredictorCache {
    private var loaded: [(name: String, predictor: Predictor, bytes: Int)] = []
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// The names of the loaded models, the most recently used first.
    var names: [String] { loaded.map(\.name) }

    /// The predictor of a model, which is loaded if necessary.
    /// - Throws: Errors of loading.
    mutating func predictor(of model: ModelEntry, on backend: any Backend) throws -> Predictor {
        if let index = loaded.firstIndex(where: { $0.name == model.name }) {
            let entry = loaded.remove(at: index)
            loaded.insert(entry, at: 0)
            return entry.predictor
        }
        let predictor = try load(model, on: backend)
        let bytes = predictor.weightBytes
        loaded.insert((model.name, predictor, bytes), at: 0)
        // The requested model is kept whatever its size.
        while loaded.count > 1, loaded.reduce(0, { $0 + $1.bytes }) > limit { loaded.removeLast() }
        return predictor
    }

    /// Opens a model; a fault of the model is an error of the server, not of the scan.
    private func load(_ model: ModelEntry, on backend: any Backend) throws -> Predictor {
        do {
            return try Predictor.open(model.folder, on: backend)
        } catch let error as DataError {
            let place = error.key.map { "\($0): " } ?? ""
            throw Refusal(
                error.kind == .tooLarge ? .serverIsFull : .internalServerError,
                "the model cannot be used: \(place)\(error.message)")
        }
    }
}
