internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegNN
internal import SegOpCases
internal import SegTensor
internal import SegWeights

/// A few optimiser steps: the losses, and the parameters after the steps.
///
/// Adam makes a full step for any gradient, however small. If a gradient is close to zero, rounding decides the
/// direction of the step. After such a step, the input of an activation function may lie on the other side of the
/// function's kink (0 for ReLU). Then even PyTorch's 32-bit parameters differ from its 64-bit parameters by more than
/// the tolerance of gradients. Therefore the tolerance of a parameter is the larger of two numbers: the tolerance of
/// gradients, and the distance that the parameter moves if the training run is repeated with every gradient shifted by
/// its tolerance, up or down. This distance is measured, not assumed: if rounding decides nothing, the distance is
/// small. A fault makes a far larger difference. If a layer's gradient is missing or has the wrong sign, the difference
/// has the size of all the layer's steps together; if a single step is wrong, it has the size of this step.
extension ModelReplay {
    func train() throws -> [Comparison] {
        let (losses, state) = try training(movedBy: 0)
        var after = try comparisons(state) { _, _ in 0 }
        if !after.allSatisfy(\.isOK) {
            let moved = try [-1, 1].map { try training(movedBy: $0 * Float(Tolerance.parameterGradient.limit)).state }
            after = try comparisons(state) { name, ours in
                moved.map { state in
                    let other = state[name]?.floats() ?? []
                    return zip(ours, other).map { ($0 - Double($1)) * ($0 - Double($1)) }.reduce(0, +).squareRoot()
                }.max() ?? 0
            }
        }
        let recorded = try capture.tensor("out.losses").floats()
        guard try batchCount == nil else {
            // Rounding grows over many steps; therefore the loss of each step has its own limit.
            return zip(losses, recorded).enumerated().map { step, pair in
                Comparison(
                    "loss at step \(step + 1)", ours: [pair.0], theirs: [pair.1],
                    tolerance: Tolerance.longTrainingLoss.limit)
            } + after
        }
        return [Comparison("out.losses", ours: losses, theirs: recorded, tolerance: Tolerance.trainingLoss.limit)]
            + after
    }

    /// Compares the recorded parameters with ours; `reach` returns the distance that rounding may move ours.
    private func comparisons(
        _ state: [String: StoredTensor], reach: (_ name: String, _ ours: [Double]) -> Double
    ) throws -> [Comparison] {
        try capture.names("after.").map { name in
            guard let ours = state[name]?.floats().map(Double.init) else {
                throw DataError(.badData, capture.path, key: "after." + name, "the network has no such parameter")
            }
            let theirs = try capture.tensor("after." + name).floats()
            let length = theirs.map { Double($0) * Double($0) }.reduce(0, +).squareRoot()
            let share = length > 0 ? reach(name, ours) / length : 0
            return Comparison(
                "after." + name, ours: ours, theirs: theirs, tolerance: max(Tolerance.parameterGradient.limit, share))
        }
    }

    /// Trains from the recorded weights; every element of a gradient is shifted by this share of the gradient's root
    /// mean square.
    private func training(movedBy share: Float) throws -> (losses: [Double], state: [String: StoredTensor]) {
        let reader = capture.arguments
        let steps = try reader.required("steps", reader.int("steps"))
        let rate = Float(try reader.required("lr", reader.double("lr")))
        let name = try reader.required("optimizer", reader.string("optimizer"))
        try network.store.load(capture.tensors("param."), source: capture.path)
        let optimizer = try Optimizer(OptimizerKind(named: name, reader), parameters: network.store.trained)
        let losses = try (0..<steps).map { step in
            let (input, labels) = try batch(step)
            let loss = try loss(network.supervisedOutputs(input, in: training(step: step)), labels)
            let value = try loss.item()
            let gradients = try loss.gradients(upstream: nil)
            let moved = try network.store.trained.map { try gradients[$0.leaf].map { try self.moved($0, by: share) } }
            try optimizer.step(moved, learningRate: rate)
            return value
        }
        return (losses, try network.store.state())
    }

    private func moved(_ gradient: Tensor, by share: Float) throws -> Tensor {
        guard share != 0 else { return gradient }
        let values = try gradient.doubles()
        let square = values.map { $0 * $0 }.reduce(0, +) / Double(values.count)
        let distance = Double(share) * square.squareRoot()
        return try Tensor(values.map { Float($0 + distance) }, shape: gradient.shape, on: backend)
    }

    /// The number of samples per step; nil if every step uses all samples.
    private var batchCount: Int? {
        get throws { try capture.arguments.int("batch") }
    }

    /// Returns the batch of a step: the next samples, starting with the first again after the last.
    private func batch(_ step: Int) throws -> (input: Tensor, labels: Tensor) {
        guard let count = try batchCount else { return (input, labels) }
        let total = input.shape.batch
        guard count > 0, total % count == 0 else {
            throw capture.arguments.error("batch", "should divide the \(total) samples, not be \(count)")
        }
        let first = step * count % total
        return (
            Tensor(input.view.slice(first..<first + count), on: backend),
            Tensor(labels.view.slice(first..<first + count), on: backend)
        )
    }
}
