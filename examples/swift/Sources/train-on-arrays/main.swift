// Trains a small UNet on arrays, keeps it as a model folder, opens that and predicts.
//
//     swift run train-on-arrays FOLDER
import MedSeg

let folder = CommandLine.arguments[1]
let backend = try Devices.makeBackend("cpu")
let description = ModelDescription(
    network: .unet(outputChannels: 2, channels: [8, 16], strides: [2], BlockOptions(norm: .batch())),
    preprocessing: try Preprocessing(intensity: ScaleIntensityRange(aMin: 0, aMax: 100)), roiSize: 16,
    labels: [1: "ball"])

/// A ball of brightness 1 in noise, whose place depends on the number alone.
@Sendable func ball(_ number: Int) -> PatchBatch {
    let (edge, middle) = (16, 5 + number % 6)
    var images: [Float] = []
    var labels: [Int32] = []
    for voxel in 0..<edge * edge * edge {
        let (i, j, k) = (voxel / 256 - middle, voxel / 16 % 16 - 8, voxel % 16 - 8)
        let isInside = i * i + j * j + k * k < 20
        labels.append(isInside ? 1 : 0)
        images.append((isInside ? 1 : 0) + Float((voxel &* 2_654_435_761) % 1000) / 2000)
    }
    return PatchBatch(size: Triple(edge), images: images, labels: labels)
}

let network = try description.makeNetwork(on: backend, seed: 0)
let loss = SegmentationLoss(DiceCEParams())
let trainer = try Trainer(
    network, TrainingOptions(iterations: 30, learningRate: 1e-2), loss: { try loss(supervised: $0, labels: $1) },
    batches: ball)
try trainer.run { event in
    if case .iteration(let step) = event { print("step \(step.iteration): loss \(step.loss)") }
}

try ModelFolder.write(description, [network.store.state()], to: folder)
let scan = Volume(voxels: ball(3).images.map { 100 * $0 }, size: 16, affine: .identity)
let found = try Segmenter(Ensemble([Predictor.open(folder, on: backend)]))(scan, name: "ball")
print("found \(found.mask.count { $0 == 1 }) voxels of \(ball(3).labels.count { $0 == 1 })")
