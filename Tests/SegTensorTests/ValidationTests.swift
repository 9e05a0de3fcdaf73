import SegBackend
import SegCore
import SegReference
import SegTensor
import Testing

private let backend = ReferenceBackend()

private func zeros(_ shape: Shape) throws -> Tensor { try Tensor(repeating: 0, shape: shape, on: backend) }

private let k3 = Conv3dParams(
    kernel: Triple(3), stride: Triple(1), padding: Triple(1), dilation: Triple(1), groups: 1)

@Test func convolutionNamesChannelsThatDoNotFit() throws {
    let error = #expect(throws: TensorError.self) {
        try conv3d(zeros([1, 4, 4, 4, 3]), weight: zeros([16, 1, 3, 3, 3]), bias: nil, k3)
    }
    #expect(error?.description == "conv3d: input has 3 channels, but the weight expects 1")
}

@Test func convolutionRefusesAnInputSmallerThanItsKernel() throws {
    var params = k3
    params.padding = Triple(0)
    let error = #expect(throws: TensorError.self) {
        try conv3d(zeros([1, 4, 2, 4, 1]), weight: zeros([2, 1, 3, 3, 3]), bias: nil, params)
    }
    #expect(error?.description.contains("4×2×4") == true)
}

@Test func outputPaddingMustBeBelowTheStride() throws {
    #expect(throws: TensorError.self) {
        try convTranspose3d(
            zeros([1, 2, 2, 2, 1]), weight: zeros([1, 1, 3, 3, 3]), bias: nil, k3, outputPadding: Triple(1))
    }
}

@Test func concatenationNeedsEqualExtents() throws {
    #expect(throws: TensorError.self) { try concatenate([zeros([1, 2, 3]), zeros([1, 3, 3])]) }
}

@Test func gradientsNeedAScalarOrAnUpstream() throws {
    let x = try zeros([3]).tracked()
    #expect(throws: TensorError.self) { try scale(x, by: 2).gradients(upstream: nil) }
    #expect(throws: TensorError.self) { try zeros([1]).gradients(upstream: nil) }
}

@Test func inferenceRecordsNothing() throws {
    #expect(try !conv3d(zeros([1, 3, 3, 3, 1]), weight: zeros([2, 1, 3, 3, 3]), bias: nil, k3).isTracked)
}
