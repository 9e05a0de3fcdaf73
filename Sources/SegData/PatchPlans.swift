internal import SegImaging
internal import Synchronization

/// What is drawn for one patch before any voxel is touched.
struct PatchPlan: Sendable {
    /// Where it lies.
    let place: CropSampler.Placement
    /// What happens to it.
    let changes: [any PatchChange]
}

/// The draws of one sequence, handed out step by step in any order.
///
/// A step's draws follow those of the step before it. Steps that are passed on the way are kept until they are asked
/// for; a step that was handed out already is found by starting anew.
final class PlanSequence: Sendable {
    private struct State {
        var pipeline: RandomPipeline
        var next = 0
        var kept: [Int: [PatchPlan]] = [:]
    }

    private let fresh: RandomPipeline
    private let state: Mutex<State>
    private let draw: @Sendable (Int, inout RandomPipeline) -> [PatchPlan]
    /// More steps than any number of workers are apart; what lies further back was skipped, not overtaken.
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
