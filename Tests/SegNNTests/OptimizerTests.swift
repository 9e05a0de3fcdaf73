import SegBackend
import SegNN
import SegReference
import SegTensor
import Testing

@Test(arguments: [
    OptimizerKind.adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, decoupled: false),
    .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, decoupled: true),
    .sgd(momentum: 0.9, dampening: 0, nesterov: true, weightDecay: 0),
    .novograd(beta1: 0.5, beta2: 0.98, epsilon: 1e-8, weightDecay: 0, averages: true),
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

/// Parameters with given values, and gradients that a test sets.
private struct Slope {
    let parameters: [Parameter]

    init(_ values: [[Float]]) throws {
        let store = ParameterStore(backend: ReferenceBackend(), seed: 1)
        parameters = try values.enumerated().map { index, values in
            let parameter = try store.parameter("p\(index)", [values.count], .constant(0))
            try parameter.set(values)
            return parameter
        }
    }

    func gradients(_ index: Int, _ values: [Double]) throws -> Gradients {
        let leaf = parameters[index].leaf
        return try scale(leaf, by: 1).gradients(upstream: Tensor(values, shape: leaf.shape, on: leaf.backend))
    }
}

/// The share of the parameters is computed in 64 bits: in 32 bits, 1 - 0.9999 differs from 0.0001 by 1.7e-8.
@Test func aSmallShareOfTheParametersIsRoundedOnce() throws {
    let parameters = try Slope([[0, 0]]).parameters
    let decay = 0.9999
    let averages = try AveragedWeights(of: parameters, decay: decay)
    try parameters[0].set([1, 2])
    try averages.update(isFirst: false)
    #expect(try averages.values[0].values.floats() == [Float(1 - decay), 2 * Float(1 - decay)])
    try averages.restart()
    #expect(try averages.values[0].values.floats() == [1, 2])
}

/// Three steps of monai.optimizers.Novograd(p, 0.125, (0.875, 0.9375), 2**-10, weight_decay, grad_averaging).
@Test(
    arguments: [
        (0.25, false, [0.41159874313255873, -0.6613783758891283, 0.13629400816080034]),
        (0, true, [0.4985878512635998, -0.9771664992429513, 0.2408512139079591]),
    ] as [(Float, Bool, [Double])])
func novogradFollowsMONAI(_ decay: Float, averages: Bool, expected: [Double]) throws {
    let slope = try Slope([[0.5, -1, 0.25]])
    let kind = OptimizerKind.novograd(
        beta1: 0.875, beta2: 0.9375, epsilon: 0x1p-10, weightDecay: decay, averages: averages)
    let optimizer = try Optimizer(kind, parameters: slope.parameters)
    for gradient in [[1, -2, 0.5], [0.25, 0.5, -1], [-3, 1, 2]] as [[Double]] {
        try optimizer.step(slope.gradients(0, gradient), learningRate: 0.125)
    }
    for (value, expected) in zip(try slope.parameters[0].leaf.doubles(), expected) {
        #expect(abs(value - expected) < 1e-6)
    }
}

/// torch.nn.utils.clip_grad_norm_ for gradients (3, 0) and (4, 0), of norm 5 together.
@Test(arguments: [(2.0, 1.2, 1.6), (10, 3, 4)])
func gradientsAreClippedAsOneVector(_ limit: Double, first: Double, second: Double) throws {
    let slope = try Slope([[0, 0], [0, 0]])
    let joined = try add(scale(slope.parameters[0].leaf, by: 3), scale(slope.parameters[1].leaf, by: 4))
    var sum = GradientSum(parameters: slope.parameters, passes: 1)
    try sum.add(joined.gradients(upstream: Tensor([1, 0] as [Double], shape: [2], on: joined.backend)))
    #expect(try sum.clip(toNorm: limit) == 5)
    for (gradient, expected) in zip(sum.gradients, [first, second]) {
        let values = try #require(try gradient?.doubles())
        #expect(abs(values[0] - expected) < 1e-6 && values[1] == 0)
    }
}

@Test func gradientsOfSeveralPassesAddUp() throws {
    let slope = try Slope([[0, 0], [0]])
    var sum = GradientSum(parameters: slope.parameters, passes: 3)
    let first = try slope.gradients(0, [1, 2])
    try sum.add(first)
    try sum.add(slope.gradients(0, [0.5, -4]))
    try sum.add(slope.gradients(1, [7]))
    try sum.multiply(by: 0.5)
    #expect(try sum.gradients[0]?.doubles() == [0.75, -1] && sum.gradients[1]?.doubles() == [3.5])
    // The result of the first pass is not overwritten.
    #expect(try first[slope.parameters[0].leaf]?.doubles() == [1, 2])
}

/// Any number of passes that is divisible by p gives the same bits as p processes, each with its share of the passes.
@Test(arguments: [(2, 2), (4, 2), (4, 4), (6, 2), (8, 4), (12, 4), (3, 1), (5, 1)])
func passesAddUpByOneTree(_ passes: Int, processes: Int) throws {
    let slope = try Slope([[0, 0]])
    func values(_ pass: Int) -> [Double] {
        let number = Double(pass)
        return [1 / (3 + 7 * number), -1.3 / (1 + number * number)]
    }
    func sum(_ range: Range<Int>) throws -> [Double] {
        var sum = GradientSum(parameters: slope.parameters, passes: range.count)
        for pass in range { try sum.add(slope.gradients(0, values(pass))) }
        return try #require(sum.gradients[0]).doubles()
    }
    let share = passes / processes
    var parts = try (0..<processes).map { try sum($0 * share..<($0 + 1) * share) }
    while parts.count > 1 {
        let pairs = stride(from: 0, to: parts.count, by: 2).map { (parts[$0], parts[$0 + 1]) }
        parts = pairs.map { first, second in zip(first, second).map(+) }
    }
    #expect(try sum(0..<passes) == parts[0])
}

/// Parameters that are updated during the backward traversal end with the values of a step with all gradients.
@Test(
    arguments: [
        .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, decoupled: true),
        .sgd(momentum: 0.9, dampening: 0, nesterov: true, weightDecay: 0.01),
        .novograd(beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, averages: true),
    ] as [OptimizerKind])
func aStepBackFromALossIsAStep(_ kind: OptimizerKind) throws {
    func train(_ step: (Optimizer, Tensor) throws -> Void) throws -> [[Double]] {
        let slope = try Slope([[0.5, -1, 0.25], [1, 2, 3], [4]])
        let optimizer = try Optimizer(kind, parameters: slope.parameters)
        for _ in 0..<3 {
            let (a, b) = (slope.parameters[0].leaf, slope.parameters[1].leaf)
            try step(optimizer, sum(activate(add(add(a, b), a), .elu(alpha: 1), slope: nil)))
        }
        #expect(optimizer.step == 3)
        return try slope.parameters.map { try $0.leaf.doubles() }
    }
    let whole = try train { try $0.step($1.gradients(upstream: nil), learningRate: 0.1) }
    let walked = try train { try $0.step(backFrom: $1, learningRate: 0.1) }
    #expect(whole == walked && whole[0] != [0.5, -1, 0.25] && whole[2] == [4])
}
