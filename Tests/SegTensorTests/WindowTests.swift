import SegBackend
import SegCore
import SegReference
import SegTensor
import Testing

private func ramp(_ shape: Shape) throws -> Tensor {
    try Tensor((0..<shape.count).map(Double.init), shape: shape, on: ReferenceBackend())
}

@Test(arguments: [0, 1, 2])
func windowsPutBackTogetherGiveTheVolume(_ shift: Int) throws {
    let x = try ramp([2, 5, 6, 4, 3])
    let (window, shift) = (Triple(3, 3, 4), Triple(shift, shift, 1))
    let windows = try windowPartition(x, window: window, shift: shift)
    #expect(windows.shape == [2 * 4, 36, 3])
    #expect(try windowReverse(windows, size: x.shape.size, window: window, shift: shift).doubles() == x.doubles())
}

/// `torch.roll(x, -1)` of 0…4 padded to 0…4, 0 is 1, 2, 3, 4, 0, 0: windows of 3 begin at 1 and at 4.
@Test func shiftedWindowsWrapRoundThePaddedVolume() throws {
    let x = try Tensor((1...5).map(Double.init), shape: [1, 5, 1, 1, 1], on: ReferenceBackend())
    let y = try windowPartition(x, window: Triple(3, 1, 1), shift: Triple(1, 0, 0))
    #expect(try y.doubles() == [2, 3, 4, 5, 0, 1])
}

@Test func toeplitzSpreadsDifferences() throws {
    #expect(try toeplitz(ramp([1, 5, 1])).doubles() == [2, 1, 0, 3, 2, 1, 4, 3, 2])
}

@Test func cornersJoinInTheirOrder() throws {
    let y = try joinCorners(ramp([1, 2, 2, 2, 1]), [Triple(1, 0, 0), Triple(0, 1, 1)])
    #expect(try y.doubles() == [4, 3])
    #expect(throws: TensorError.self) { try joinCorners(ramp([1, 3, 2, 2, 1]), [Triple(0)]) }
}

/// Without a bias on the scores the blocked attention equals the fused one.
@Test func attentionInBlocksIsTheFusedOne() throws {
    let qkv = try Tensor((0..<120).map { Double($0 * 37 % 11) / 7 }, shape: [4, 5, 6], on: ReferenceBackend())
    var weights = AttentionWeights()
    let fused = try selfAttention(qkv: qkv, heads: 2, scale: 0.7, weights).doubles()
    weights.mask = try Tensor(repeating: 0, shape: [2, 5, 5], on: qkv.backend)
    let blocked = try selfAttention(qkv: qkv, heads: 2, scale: 0.7, weights).doubles()
    #expect(zip(fused, blocked).allSatisfy { abs($0 - $1) < 1e-12 })
}

@Test func attentionDropoutDiffersFromBlockToBlock() throws {
    let qkv = try Tensor(repeating: 1, shape: [1, 16, 12], on: ReferenceBackend())
    var weights = AttentionWeights()
    weights.dropout = DropoutParams(probability: 0.5, seed: 1, layer: 0, pass: 0, channelwise: false)
    let y = try selfAttention(qkv: qkv, heads: 2, scale: 1, weights).doubles()
    let heads = (0..<2).map { head in (0..<16).map { y[$0 * 4 + head * 2] } }
    #expect(heads[0] != heads[1])
}

@Test func attentionShapesAreChecked() throws {
    let qkv = try ramp([2, 3, 12])
    #expect(throws: TensorError.self) { try selfAttention(qkv: qkv, heads: 5, scale: 1, AttentionWeights()) }
    var weights = AttentionWeights()
    weights.bias = try ramp([2, 3, 4])
    #expect(throws: TensorError.self) { try selfAttention(qkv: qkv, heads: 2, scale: 1, weights) }
    #expect(throws: TensorError.self) {
        try windowReverse(qkv, size: Triple(3), window: Triple(2), shift: Triple(0))
    }
}
