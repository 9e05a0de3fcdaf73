import SegBackend
import SegCPU
import SegCore
import SegTensor
import Testing

private let geometry = Conv3dParams(
    kernel: Triple(3), stride: Triple(1), padding: Triple(1), dilation: Triple(1), groups: 1)
private let shape: Shape = [1, 12, 10, 14, 16]

private func values(_ count: Int, _ stream: UInt32) -> [Float] {
    (0..<count).map {
        Float(Philox4x32.words(counter: (UInt32($0), stream, 0, 0), key: (3, 4)).0) / 4_294_967_296 - 0.5
    }
}

/// Two convolutions with a norm, an activation and residuals between them, and their parameters.
private struct Chain {
    let backend: CPUBackend
    let parameters: [Tensor]

    init() throws {
        backend = try CPUBackend(threads: 2)
        let shapes: [Shape] = [[16, 16, 3, 3, 3], [16, 16, 3, 3, 3], [16], [16], [16]]
        parameters = try shapes.enumerated().map { [backend] index, shape in
            try Tensor(values(shape.count, UInt32(index)), shape: shape, on: backend).tracked()
        }
    }

    func loss(consumesInput: Bool) throws -> Tensor {
        let x = try Tensor(values(shape.count, 9), shape: shape, on: backend).tracked()
        let y = try conv3d(x, weight: parameters[0], bias: nil, geometry)
        var followers = NormFollowers()
        followers.consumesInput = consumesInput
        followers.dropout = DropoutParams(probability: 0.2, seed: 1, layer: 2, pass: 3, channelwise: false)
        followers.activation = .prelu
        followers.slope = parameters[4]
        followers.residualBefore = x
        followers.residualAfter = x
        let z = try normActivate(
            y, weight: parameters[2], bias: parameters[3], statistics: .ofInput,
            NormParams(kind: .instance, epsilon: 1e-5), followers
        ).output
        let w = try activate(z, .elu(alpha: 1), slope: nil, consumesInput: consumesInput)
        return try sum(activate(conv3d(w, weight: parameters[1], bias: nil, geometry), .sigmoid, slope: nil))
    }
}

/// Recomputed values have the same bits, and are not held meanwhile.
@Test func opsThatConsumeTheirInputKeepLessForTheSameGradients() throws {
    let chain = try Chain()
    var gradients: [[[Float]]] = []
    var held: [Int] = []
    for consumesInput in [false, true] {
        let loss = try chain.loss(consumesInput: consumesInput)
        held.append(chain.backend.memory.live)
        let walked = try loss.gradients(upstream: nil)
        gradients.append(try chain.parameters.map { try #require(try walked[$0]?.floats()) })
    }
    #expect(gradients[0] == gradients[1])
    #expect(held[1] + 2 * shape.count * 4 <= held[0])
}

/// Without a history the results use the input's memory, with the same values.
@Test func opsOverwriteAConsumedInputWithoutAHistory() throws {
    let backend = try CPUBackend(threads: 2)
    let source = values(shape.count, 5)
    func run(consumesInput: Bool) throws -> (same: Bool, values: [Float]) {
        let x = try Tensor(source, shape: shape, on: backend)
        var followers = NormFollowers()
        followers.consumesInput = consumesInput
        let y = try normActivate(
            x, weight: nil, bias: nil, statistics: .ofInput, NormParams(kind: .batch, epsilon: 1e-5), followers
        ).output
        let z = try activate(y, .gelu, slope: nil, consumesInput: consumesInput)
        return (z.view.identity == x.view.identity, try z.floats())
    }
    let (plain, consuming) = (try run(consumesInput: false), try run(consumesInput: true))
    #expect(consuming.same && !plain.same && consuming.values == plain.values)
}

/// Gradients that are delivered one by one equal those that are collected, also for leaves that are used twice.
@Test(arguments: [false, true])
func gradientsAreHandedOverWhenTheyAreWhole(isRecomputed: Bool) throws {
    let backend = try CPUBackend(threads: 1)
    let leaves = try (0..<3).map { try Tensor(values(6, UInt32($0)), shape: [6], on: backend).tracked() }
    func loss() throws -> Tensor {
        let a = try add(scale(leaves[0], by: 2), leaves[1])
        let b =
            isRecomputed
            ? try recomputed([a]) { inputs, records in
                try activate(add(inputs[0], records ? leaves[1] : leaves[1].detached), .sigmoid, slope: nil)
            } : try activate(add(a, leaves[1]), .sigmoid, slope: nil)
        return try sum(add(b, leaves[0]))
    }
    let collected = try loss().gradients(upstream: nil)
    final class Record { var order: [Int] = []; var gradients: [Int: [Float]] = [:] }
    let record = Record()
    try loss().forEachGradient(of: leaves) { index, gradient in
        record.order.append(index)
        record.gradients[index] = try gradient.floats()
    }
    // The traversal reaches the second leaf's last use before the first's; recomputed gradients are delivered at its
    // end.
    #expect(record.order == (isRecomputed ? [0, 1] : [1, 0]))
    for index in 0..<2 { #expect(try record.gradients[index] == collected[leaves[index]]?.floats()) }
    #expect(collected[leaves[2]] == nil)
}

/// A false promise is detected when the overwritten elements are read, in every build.
@Test func readingAConsumedInputStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
        let x = try Tensor([1, -2, 3] as [Float], shape: [1, 3], on: CPUBackend(threads: 1))
        let y = try activate(x, .relu, slope: nil, consumesInput: true)
        guard try y.floats() == [1, 0, 3] else { return }
        _ = try x.floats()
    }
}

/// The gradient of `exp` reads its result, which a normalisation that consumes its input overwrites in the backward
/// pass.
@Test func theGradientOfAnOpThatReadsItsResultStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
        let backend = try CPUBackend(threads: 1)
        let x = try Tensor([1, -2, 3, 4] as [Float], shape: [1, 2, 2], on: backend).tracked()
        var followers = NormFollowers()
        followers.consumesInput = true
        let y = try normActivate(
            exp(x), weight: nil, bias: nil, statistics: .ofInput, NormParams(kind: .instance, epsilon: 1e-5), followers)
        let loss = try sum(y.output * y.output)
        guard try loss.item().isFinite else { return }
        _ = try loss.gradients(upstream: nil)
    }
}
