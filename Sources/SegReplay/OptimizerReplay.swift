internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegNN
internal import SegOpCases
internal import SegTensor
internal import SegWeights

/// Replays an optimiser over a list of recorded gradients.
struct OptimizerReplay {
    private let capture: Capture
    private let backend: any Backend

    init(_ capture: Capture, _ backend: any Backend) {
        self.capture = capture
        self.backend = backend
    }

    func run() throws -> [Comparison] {
        let start = try capture.tensor("in.parameter")
        let recorded = try capture.tensor("in.gradients")
        let store = ParameterStore(backend: backend, seed: 0)
        let parameter = try store.parameter("parameter", Shape(start.shape), .constant(0))
        try parameter.set(start.floats())
        let kind = try OptimizerKind(named: capture.op, capture.arguments)
        let rate = Float(try capture.arguments.required("lr", capture.arguments.double("lr")))
        let optimizer = try Optimizer(kind, parameters: [parameter])
        var trajectory: [Double] = []
        for step in 0..<recorded.shape[0] {
            let values = Array(recorded.floats()[step * start.count..<(step + 1) * start.count])
            let upstream = try Tensor(values, shape: Shape(start.shape), on: backend)
            // The gradient of 1 · p is the upstream gradient.
            let gradients = try scale(parameter.leaf, by: 1).gradients(upstream: upstream)
            try optimizer.step(gradients, learningRate: rate)
            trajectory += try parameter.leaf.doubles()
        }
        return [
            Comparison(
                "out.trajectory", ours: trajectory, theirs: try capture.tensor("out.trajectory").floats(),
                tolerance: Tolerance.op.limit)
        ]
    }
}
