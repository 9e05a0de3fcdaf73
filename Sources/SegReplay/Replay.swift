public import SegBackend
internal import SegCore
internal import SegModels

/// Recomputes a capture and compares the results.
public struct Replay {
    private let backend: any Backend

    /// Creates a replay on a backend.
    public init(on backend: any Backend) { self.backend = backend }

    /// Compares every output and gradient of a capture with ours.
    /// - Throws: `DataError` if the capture is incomplete or needs something that MedSeg does not have; `TensorError`
    ///   and `BackendError` from the computation.
    public func run(_ capture: Capture) throws -> [Comparison] {
        let comparisons = try compare(capture)
        // A capture without results must not count as one that agrees.
        guard !comparisons.isEmpty else {
            throw DataError(.badData, capture.path, key: "out", "the capture contains no results to compare")
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
