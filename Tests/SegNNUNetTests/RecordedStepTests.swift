import Foundation
import SegBackend
import SegCPU
import SegCore
import SegInference
import SegModels
import SegNN
import SegNNUNet
import SegTensor
import SegTrain
import SegWeights
import Testing

/// Compares three steps of nnU-Net's own trainer from stored weights with those of a plan's configuration.
@Test(
    .enabled(if: NNUNetCaptures.areThere, "shared/nnunet is not beside the package"),
    arguments: [
        ("aniso_ct", "nnUNetTrainer__nnUNetPlans__3d_fullres"),
        ("resenc_regions", "nnUNetTrainer__nnUNetResEncUNetMPlans__3d_fullres"),
    ])
func stepsAreNNUNets(_ name: String, _ model: String) throws {
    let folder = "\(NNUNetCaptures.folder)/\(name)/model/\(model)"
    let recorded = try Weights.read("\(NNUNetCaptures.folder)/\(name)/training.safetensors").tensors
    let recipe = try NNUNetRecipe(
        plans: "\(folder)/plans.json", configuration: "3d_fullres", dataset: "\(folder)/dataset.json")
    var configuration = try TrainingConfiguration(recipe.document(data: folder, validation: []), source: "the plan")
    // The capture was made with Dice per sample.
    configuration.loss.overlap.batch = false
    let network = try configuration.model.makeNetwork(on: CPUBackend(threads: nil), seed: 0)
    let weights = try NNUNetFolder(folder).weights(of: "\(folder)/fold_0/checkpoint_final.pth")
    _ = try network.store.load(weights)
    let optimizer = try Optimizer(configuration.optimizer, parameters: network.store.trained)
    let steps = recorded.keys.count { $0.hasSuffix(".data") }
    let losses = try #require(recorded["losses"]).floats()
    let norms = try #require(recorded["gradient_norms"]).floats()
    #expect(steps >= 2)
    for step in 0..<steps {
        let (images, labels) = try batch(recorded, step, of: network)
        let context = ForwardContext(mode: .training, seed: 0, pass: UInt32(step))
        let loss = try configuration.loss(supervised: network.supervisedOutputs(images, in: context), labels: labels)
        // nnU-Net's Dice loss is negative, not 1 minus Dice.
        #expect(abs(try loss.item() - 1 - Double(losses[step])) < 1e-4, "\(step)")
        var gradients = GradientSum(parameters: network.store.trained, passes: 1)
        try gradients.add(loss.gradients(upstream: nil))
        let norm = try gradients.clip(toNorm: try #require(configuration.clipNorm))
        #expect(abs(norm - Double(norms[step])) < 1e-3 * norm, "\(step)")
        try optimizer.step(gradients.gradients, learningRate: Float(configuration.learningRate))
    }
    guard steps == 3 else { return }
    let state = try network.store.state()
    for (key, theirs) in recorded where key.hasPrefix("after3.") {
        let ours = try #require(state[String(key.dropFirst("after3.".count))]?.floats(), "\(key)")
        let apart = zip(ours, theirs.floats()).map { Double($0 - $1) * Double($0 - $1) }.reduce(0, +).squareRoot()
        let length = theirs.floats().map { Double($0) * Double($0) }.reduce(0, +).squareRoot()
        // The gradient of a bias before a norm is 0 except for rounding, therefore such a bias is compared by its
        // absolute error.
        #expect(apart <= (key.hasSuffix(".conv.bias") ? max(1e-3 * length, 1e-7) : 1e-3 * length), "\(key)")
    }
}

/// The images `[N, D, H, W, C]` and labels `[N, D, H, W]` of a step; labels of regions are bits, the first channel the
/// lowest.
private func batch(
    _ recorded: [String: StoredTensor], _ step: Int, of network: any Network
) throws -> (images: Tensor, labels: Tensor) {
    let data = try #require(recorded["step\(step).data"])
    let target = try #require(recorded["step\(step).target0"])
    let (count, channels) = (data.shape[0], data.shape[1])
    let size = Triple(data.shape[2], data.shape[3], data.shape[4])
    let values = data.floats()
    let images = (0..<count * size.count * channels).map { index in
        let (voxel, channel) = (index / channels, index % channels)
        return values[(voxel / size.count * channels + channel) * size.count + voxel % size.count]
    }
    let numbers = target.floats()
    let maps = target.shape[1]
    let labels = (0..<count * size.count).map { voxel in
        (0..<maps).reduce(Int32(0)) { label, map in
            let number = numbers[(voxel / size.count * maps + map) * size.count + voxel % size.count]
            return maps == 1 ? Int32(number) : label | Int32(number) << Int32(map)
        }
    }
    let backend = try #require(network.store.trained.first?.leaf.backend)
    return (
        try Tensor(images, shape: Shape(batch: count, size: size, channels: channels), on: backend),
        try Tensor(labels: labels, shape: Shape([count] + size.array), on: backend)
    )
}
