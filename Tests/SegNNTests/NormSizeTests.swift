import SegBackend
import SegNN
import SegReference
import SegTensor
import Testing

/// A norm, an input, and whether PyTorch 2 accepts it in training and in evaluation.
struct NormCase: Sendable {
    let kind: NormParams.Kind
    let shape: [Int]
    let trains: Bool
    let predicts: Bool
}

/// `F.instance_norm` checks the number of positions, `F.batch_norm` the values per channel and only in training,
/// `F.group_norm` the values per group; `F.layer_norm` accepts any input.
private let cases = [
    NormCase(kind: .instance, shape: [1, 1, 1, 1, 4], trains: false, predicts: false),
    NormCase(kind: .instance, shape: [2, 1, 1, 1, 4], trains: false, predicts: false),
    NormCase(kind: .instance, shape: [1, 1, 1, 2, 4], trains: true, predicts: true),
    NormCase(kind: .batch, shape: [1, 1, 1, 1, 4], trains: false, predicts: true),
    NormCase(kind: .batch, shape: [2, 1, 1, 1, 4], trains: true, predicts: true),
    NormCase(kind: .group(4), shape: [1, 1, 1, 1, 4], trains: false, predicts: false),
    NormCase(kind: .group(2), shape: [1, 1, 1, 1, 4], trains: true, predicts: true),
    NormCase(kind: .group(4), shape: [2, 1, 1, 1, 4], trains: true, predicts: true),
    NormCase(kind: .layer, shape: [1, 1, 1, 1, 4], trains: true, predicts: true),
]

@Test(arguments: cases.indices)
func normsOverASingleValueAreRefusedAsPyTorchDoes(_ index: Int) throws {
    let (backend, item) = (ReferenceBackend(), cases[index])
    let store = ParameterStore(backend: backend, seed: 0).scope("level").scope("N")
    let norm = try Norm(store, channels: 4, NormParams(kind: item.kind, epsilon: 1e-5), affine: true, momentum: 0.1)
    let shape = Shape(item.shape)
    let x = try Tensor((0..<shape.count).map(Double.init), shape: shape, on: backend)
    for (mode, isTaken) in [(ForwardContext.Mode.training, item.trains), (.inference, item.predicts)] {
        let context = ForwardContext(mode: mode, seed: 0, pass: 0)
        if isTaken {
            _ = try norm(x, followers: NormFollowers(), in: context)
        } else {
            let error = #expect(throws: TensorError.self) { try norm(x, followers: NormFollowers(), in: context) }
            #expect(error?.op == "level.N" && error?.message.contains("\(shape) has 1") == true)
        }
    }
}
