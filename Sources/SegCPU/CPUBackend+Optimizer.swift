import CSegCPU
import Foundation
public import SegBackend

extension CPUBackend {
    /// Updates all slots in one pass.
    public func adamStep(_ slots: [AdamSlot], _ params: AdamParams) throws {
        let rate = Double(params.learningRate)
        let correction1 = 1 - pow(Double(params.beta1), Double(params.step))
        let correction2 = 1 - pow(Double(params.beta2), Double(params.step))
        let rule = segcpu_adam_rule(
            beta1: params.beta1, beta2: params.beta2, step_size: Float(rate / correction1),
            correction: Float(1 / correction2.squareRoot()), epsilon: params.epsilon,
            decay: params.decoupled ? 0 : params.weightDecay,
            shrinkage: params.decoupled ? Float(1 - rate * Double(params.weightDecay)) : 1)
        forElements(of: slots.map(\.parameter.count)) { number, start, count in
            let slot = slots[number]
            var rule = rule
            kernels.adam(
                &rule, slot.parameter.floats + start, slot.gradient.floats + start, slot.firstMoment.floats + start,
                slot.secondMoment.floats + start, count)
        }
    }

    /// Updates all slots in one pass.
    public func sgdStep(_ slots: [SGDSlot], _ params: SGDParams) throws {
        let rule = segcpu_sgd_rule(
            learning_rate: params.learningRate, momentum: params.momentum,
            share: 1 - params.dampening, decay: params.weightDecay, nesterov: params.nesterov,
            first: params.step == 1)
        forElements(of: slots.map(\.parameter.count)) { number, start, count in
            let slot = slots[number]
            var rule = rule
            let momentum = params.momentum == 0 ? nil : slot.momentum
            kernels.sgd(
                &rule, slot.parameter.floats + start, slot.gradient.floats + start,
                momentum.map { $0.floats + start }, count)
        }
    }

    /// Runs `body` for the elements of all slots, in parallel chunks: most slots are small, but one may hold half of
    /// all elements.
    private func forElements(of counts: [Int], _ body: (_ slot: Int, _ start: Int, _ count: Int) -> Void) {
        let piece = 1 << 14
        let pieces = counts.enumerated().flatMap { slot, count in
            stride(from: 0, to: count, by: piece).map { (slot, $0, min(piece, count - $0)) }
        }
        threads.run(pieces.count) { task, _ in
            let (slot, start, count) = pieces[task]
            body(slot, start, count)
        }
    }
}
