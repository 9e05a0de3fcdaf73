import SegBackend
import SegNN
import SegReference
import SegTensor
import Testing

@Test(arguments: [
    OptimizerKind.adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, decoupled: false),
    .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, decoupled: true),
    .sgd(momentum: 0.9, dampening: 0, nesterov: true, weightDecay: 0),
])
func optimizersReachTheMinimumOfABowl(_ kind: OptimizerKind) throws {
    let store = ParameterStore(backend: ReferenceBackend(), seed: 1)
    let parameter = try store.parameter("p", [3], .uniform(bound: 1))
    let optimizer = try Optimizer(kind, parameters: [parameter])
    for _ in 0..<300 {
        // The gradient of Σ p² / 2 is p itself.
        let upstream = parameter.leaf.detached
        let gradients = try scale(parameter.leaf, by: 1).gradients(upstream: upstream)
        try optimizer.step(gradients, learningRate: 0.02)
    }
    for value in try parameter.leaf.floats() { #expect(abs(value) < 0.05) }
}

@Test func initialValuesDependOnTheSeedAlone() throws {
    func values(seed: UInt64) throws -> [Float] {
        let store = ParameterStore(backend: ReferenceBackend(), seed: seed)
        _ = try store.parameter("a", [5], .fan(in: 9))
        return try store.parameter("b", [1000], .fan(in: 9)).leaf.floats()
    }
    let first = try values(seed: 1)
    #expect(try first == values(seed: 1))
    #expect(try first != values(seed: 2))
    #expect(first.allSatisfy { abs($0) <= 1.0 / 3 } && first.contains { $0 < -0.3 } && first.contains { $0 > 0.3 })
}

@Test func runningStatisticsFollowPyTorch() throws {
    // torch: bn = BatchNorm1d(1); bn(tensor([[1.], [2.], [6.]])) → running_mean 0.3, running_var 0.9 + 0.1 · 7
    let store = ParameterStore(backend: ReferenceBackend(), seed: 1)
    let norm = try Norm(
        store, channels: 1, NormParams(kind: .batch, epsilon: 1e-5), affine: true, momentum: 0.1)
    let x = try Tensor([1, 2, 6] as [Double], shape: [3, 1], on: store.backend)
    _ = try norm(x, followers: NormFollowers(), in: ForwardContext(mode: .training, seed: 0, pass: 0))
    let state = Dictionary(uniqueKeysWithValues: try store.parameters.map { ($0.name, try $0.leaf.doubles()[0]) })
    #expect(abs((state["running_mean"] ?? 0) - 0.3) < 1e-6)
    #expect(abs((state["running_var"] ?? 0) - 1.6) < 1e-6)
    #expect(store.counters.map(\.value) == [1])
}
