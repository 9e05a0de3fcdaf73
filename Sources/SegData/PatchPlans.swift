internal import SegImaging
internal import Synchronization

/// The random draws for one patch, made before any voxel is read.
struct PatchPlan: Sendable {
    /// The position of the patch.
    let place: CropSampler.Placement
    /// The changes of the patch.
    let changes: [any PatchChange]
}

/// The draws of one random sequence, returned for any step in any order.
///
/// The draws of a step follow those of the step before it. Steps that are skipped are kept until they are requested; a
/// step that was already returned is recomputed from the start of the sequence.
final class PlanSequence: Sendable {
    private struct State {
        var pipeline: RandomPipeline
        var next = 0
        var kept: [Int: [PatchPlan]] = [:]
    }

    private let fresh: RandomPipeline
    private let state: Mutex<State>
    private let draw: @Sendable (Int, inout RandomPipeline) -> [PatchPlan]
    /// The largest distance between the steps of parallel workers; a kept step further back was skipped for good and is
    /// dropped.
    private static let reach = 256

    init(_ pipeline: RandomPipeline, draw: @escaping @Sendable (_ step: Int, inout RandomPipeline) -> [PatchPlan]) {
        fresh = pipeline
        state = Mutex(State(pipeline: pipeline))
        self.draw = draw
    }

    /// The draws of a step.
    func plans(_ step: Int) -> [PatchPlan] {
        state.withLock { state in
            if let plans = state.kept.removeValue(forKey: step) { return plans }
            if step < state.next { state = State(pipeline: fresh) }
            while true {
                let plans = draw(state.next, &state.pipeline)
                state.next += 1
                if state.next > step { return plans }
                state.kept[state.next - 1] = plans
                state.kept[state.next - 1 - Self.reach] = nil
            }
        }
    }
}
