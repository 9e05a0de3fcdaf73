internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegNN
internal import SegOpCases
internal import SegTensor
internal import SegWeights

/// Replays a network: outputs, loss and gradients, or a few optimiser steps. Every dropout is off.
struct ModelReplay {
    let capture: Capture
    let backend: any Backend
    let network: any Network
    let input: Tensor
    let labels: Tensor
    /// The factors of the outputs' losses: a single one, or with deep supervision one per output.
    private let headWeights: [Double]

    init(_ capture: Capture, _ backend: any Backend) throws {
        self.capture = capture
        self.backend = backend
        guard let definition = capture.networkDefinition else {
            throw DataError(.badData, capture.path, key: "network_def", "is missing")
        }
        network = try NetworkDefinition(definition, source: capture.path).makeNetwork(on: backend, seed: 0)
        try network.store.load(capture.tensors("param."), source: capture.path)
        input = try Layout.tensor(capture.tensor("in.input"), on: backend)
        let target = try capture.tensor("in.target")
        labels = try Tensor(
            labels: target.integers().map(Int32.init), shape: Shape([target.shape[0]] + target.shape[2...]), on: backend
        )
        headWeights = try capture.arguments.doubles("head_weights") ?? [1]
    }

    func run() throws -> [Comparison] {
        let evaluated = try network(input, in: .inference)
        var comparisons = [
            Comparison(
                "out.eval", ours: try Layout.channelsFirst(evaluated), theirs: try capture.tensor("out.eval").floats(),
                tolerance: Tolerance.networkOutput.limit)
        ]
        let outputs = try network.supervisedOutputs(input, in: training(step: 0))
        comparisons.append(
            Comparison(
                "out.train", ours: try stacked(outputs), theirs: try capture.tensor("out.train").floats(),
                tolerance: Tolerance.networkOutput.limit))
        let loss = try loss(outputs, labels)
        comparisons.append(
            Comparison(
                "out.loss", ours: try loss.doubles(), theirs: try capture.tensor("out.loss").floats(),
                tolerance: Tolerance.networkOutput.limit))
        let gradients = try loss.gradients(upstream: nil)
        let byName = Dictionary(uniqueKeysWithValues: network.store.trained.map { ($0.name, $0) })
        for name in capture.names("gparam.") {
            guard let parameter = byName[name], let gradient = gradients[parameter.leaf] else {
                throw DataError(.badData, capture.path, key: "gparam." + name, "the network returned no such gradient")
            }
            comparisons.append(
                Comparison(
                    "gparam." + name, ours: try gradient.doubles(),
                    theirs: try capture.tensor("gparam." + name).floats(), tolerance: Tolerance.parameterGradient.limit)
            )
        }
        return comparisons
    }

    /// Returns the outputs as MONAI stacks them, `[N, head, C, D, H, W]`, or a single output unchanged. If the outputs
    /// differ in size, the numbers of each sample follow one another.
    private func stacked(_ outputs: [Tensor]) throws -> [Double] {
        let (heads, samples) = (try outputs.map(Layout.channelsFirst), input.shape.batch)
        return (0..<samples).flatMap { n in
            heads.flatMap { head in head[n * head.count / samples..<(n + 1) * head.count / samples] }
        }
    }

    func loss(_ outputs: [Tensor], _ labels: Tensor) throws -> Tensor {
        guard outputs.count == headWeights.count else {
            throw DataError(
                .badData, capture.path, key: "params.head_weights",
                "should be \(outputs.count), one for each output of the network, not \(headWeights.count)")
        }
        let terms = try zip(outputs, headWeights).map { output, weight in
            try scale(diceCELoss(output, labels: labels.nearest(like: output), DiceCEParams()), by: Float(weight))
        }
        return try terms.dropFirst().reduce(terms[0]) { try add($0, $1) }
    }

    /// Returns a training context with every dropout off, as in the recording.
    func training(step: Int) -> ForwardContext {
        var context = ForwardContext(mode: .training, seed: 0, pass: UInt32(step))
        context.dropsOut = false
        return context
    }
}
