public import SegBackend
internal import SegCore
internal import SegModels

/// Computes what a capture recorded and compares.
public struct Replay {
    private let backend: any Backend

    /// Replays on a backend.
    public init(on backend: any Backend) { self.backend = backend }

    /// Every output and gradient of a capture, compared with ours.
    /// - Throws: `DataError` where the capture is incomplete or asks for what MedSeg does not have;
    ///   `TensorError` and `BackendError` from the computation.
    public func run(_ capture: Capture) throws -> [Comparison] {
        let comparisons = try compare(capture)
        // A file without results must not count as one that agrees.
        guard !comparisons.isEmpty else {
            throw DataError(.badData, capture.path, key: "out", "the capture holds nothing to compare with")
        }
        return comparisons
    }

    private func compare(_ capture: Capture) throws -> [Comparison] {
        switch capture.kind {
        case .op where ["adam", "adamw", "sgd"].contains(capture.op): try OptimizerReplay(capture, backend).run()
        case .op: try OpReplay(capture, backend).run()
        case .model: try ModelReplay(capture, backend).run()
        case .training: try ModelReplay(capture, backend).train()
        case .metric: try MetricReplay(capture).run()
        }
    }
}
