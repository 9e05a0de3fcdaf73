// A loss of your own, and its gradient, of tensor arithmetic.
//
//     swift run own-loss
import MedSeg

/// Log-cosh Dice of two classes. Jadon 2020, "A survey of loss functions for semantic segmentation".
///
/// **Shapes**: logits `[N, positions…, 2]`, labels i32 `[N, positions…]`, result `[1]`.
func logCoshDice(_ logits: Tensor, _ labels: Tensor) throws -> Tensor {
    let (p, t) = (try softmax(logits), try oneHot(labels, classes: 2))
    let dice = try (2 * sum(p * t) + 1e-5) / (sum(p) + sum(t) + 1e-5)
    let x = try 1 - dice
    return try log((exp(x) + exp(-1 * x)) / 2)
}

let backend = try Devices.makeBackend("cpu")
let logits = try Tensor([0.5, -0.5, 1, 2, 0, 0, -1, 1] as [Float], shape: [1, 4, 2], on: backend).tracked()
let labels = try Tensor(labels: [0, 1, 1, 0], shape: [1, 4], on: backend)
let loss = try logCoshDice(logits, labels)
print("loss \(try loss.item())")
print("gradient \(try loss.gradients()[logits]?.floats() ?? [])")
