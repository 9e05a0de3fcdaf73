import SegBackend
import SegCore
import Testing

@Test(arguments: [
    // (input, kernel, stride, padding, dilation, output), from torch.nn.functional.conv3d
    ([7, 9, 11], [3, 1, 5], [2, 1, 3], [1, 0, 2], [1, 1, 1], [4, 9, 4]),
    ([7, 9, 11], [3, 2, 2], [1, 2, 1], [0, 1, 0], [2, 3, 1], [3, 4, 10]),
    ([1, 1, 1], [3, 3, 3], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]),
    ([2, 2, 2], [3, 3, 3], [1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0]),
])
func convolutionOutputSize(
    _ sizes: (input: [Int], kernel: [Int], stride: [Int], padding: [Int], dilation: [Int], output: [Int])
) {
    let params = Conv3dParams(
        kernel: Triple(sizes.kernel), stride: Triple(sizes.stride), padding: Triple(sizes.padding),
        dilation: Triple(sizes.dilation), groups: 1)
    #expect(params.outputSize(of: Triple(sizes.input)).array == sizes.output)
}

@Test func transposedOutputSizeUndoesAStride() {
    let params = Conv3dParams(
        kernel: Triple(3), stride: Triple(2), padding: Triple(1), dilation: Triple(1), groups: 1)
    let output = params.transposedOutputSize(of: Triple(6, 5, 1), outputPadding: Triple(1))
    #expect(output == Triple(12, 10, 2))
}

@Test func shapeOfAnActivation() {
    let shape = Shape(batch: 2, size: Triple(3, 4, 5), channels: 6)
    #expect(shape.count == 720 && shape.rows == 120 && shape.positions == 60 && shape.size.count == 60)
    #expect("\(shape)" == "[2, 3, 4, 5, 6]")
}
