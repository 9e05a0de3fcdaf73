internal import SegBackend
internal import SegModels
internal import SegNN
internal import SegOpCases
internal import SegTensor

/// Replays a network: outputs, loss and gradients, or a few optimiser steps. Every dropout is off.
struct ModelReplay {
    private let capture: Capture
    private let backend: any Backend
    private let network: any Network
    private let input: Tensor
    private let labels: Tensor

    init(_ capture: Capture, _ backend: any Backend) throws {
        self.capture = capture
        self.backend = backend
        guard let definition = capture.networkDefinition else {
            throw ConfigError(source: capture.path, key: "network_def", "is missing")
        }
        network = try NetworkDefinition(definition, source: capture.path).makeNetwork(on: backend, seed: 0)
        try network.store.load(capture.tensors("param."), source: capture.path)
        input = try Layout.tensor(capture.tensor("in.input"), on: backend)
        let target = try capture.tensor("in.target")
        labels = try Tensor(
            labels: target.integers().map(Int32.init), shape: Shape([target.shape[0]] + target.shape[2...]), on: backend
        )
    }

    func run() throws -> [Comparison] {
        let evaluated = try network(input, in: .inference)
        var comparisons = [
            Comparison(
                "out.eval", ours: try Layout.channelsFirst(evaluated), theirs: try capture.tensor("out.eval").floats(),
                tolerance: Tolerance.networkOutput.limit)
        ]
        let output = try network(input, in: training(step: 0))
        comparisons.append(
            Comparison(
                "out.train", ours: try Layout.channelsFirst(output), theirs: try capture.tensor("out.train").floats(),
                tolerance: Tolerance.networkOutput.limit))
        let loss = try diceCELoss(output, labels: labels, DiceCEParams())
        comparisons.append(
            Comparison(
                "out.loss", ours: try loss.doubles(), theirs: try capture.tensor("out.loss").floats(),
                tolerance: Tolerance.networkOutput.limit))
        let gradients = try loss.gradients(upstream: nil)
        let byName = Dictionary(uniqueKeysWithValues: network.store.trained.map { ($0.name, $0) })
        for name in capture.names("gparam.") {
            guard let parameter = byName[name], let gradient = gradients[parameter.leaf] else {
                throw ConfigError(source: capture.path, key: "gparam." + name, "the network gave no such gradient")
            }
            comparisons.append(
                Comparison(
                    "gparam." + name, ours: try gradient.doubles(),
                    theirs: try capture.tensor("gparam." + name).floats(), tolerance: Tolerance.parameterGradient.limit)
            )
        }
        return comparisons
    }

    /// Captures are recorded with every dropout off.
    private func training(step: Int) -> ForwardContext {
        var context = ForwardContext(mode: .training, seed: 0, pass: UInt32(step))
        context.dropsOut = false
        return context
    }

    /// Samples of a step, where the capture has other samples for each; nil where every step sees all.
    private var batchCount: Int? {
        get throws { try capture.arguments.int("batch") }
    }

    /// What a step sees: the next samples, from the first again after the last.
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

    func train() throws -> [Comparison] {
        let reader = capture.arguments
        let steps = try reader.required("steps", reader.int("steps"))
        let rate = Float(try reader.required("lr", reader.double("lr")))
        let name = try reader.required("optimizer", reader.string("optimizer"))
        let optimizer = try Optimizer(OptimizerKind(named: name, reader), parameters: network.store.trained)
        var losses: [Double] = []
        for step in 0..<steps {
            let (input, labels) = try batch(step)
            let loss = try diceCELoss(network(input, in: training(step: step)), labels: labels, DiceCEParams())
            losses.append(try loss.item())
            try optimizer.step(loss.gradients(upstream: nil), learningRate: rate)
        }
        let state = try network.store.state()
        let after = try capture.names("after.").map { name in
            guard let ours = state[name] else {
                throw ConfigError(source: capture.path, key: "after." + name, "the network has no such parameter")
            }
            return Comparison(
                "after." + name, ours: ours.floats().map(Double.init),
                theirs: try capture.tensor("after." + name).floats(), tolerance: Tolerance.parameterGradient.limit)
        }
        let recorded = try capture.tensor("out.losses").floats()
        guard try batchCount == nil else {
            // Over many steps rounding grows, so that each is held to its own limit.
            return zip(losses, recorded).enumerated().map { step, pair in
                Comparison(
                    "loss at step \(step + 1)", ours: [pair.0], theirs: [pair.1],
                    tolerance: Tolerance.longTrainingLoss.limit)
            } + after
        }
        return [Comparison("out.losses", ours: losses, theirs: recorded, tolerance: Tolerance.trainingLoss.limit)]
            + after
    }
}
