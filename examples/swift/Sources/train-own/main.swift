// All in one: a network of your own and one of MONAI's, trained on arrays by a loss of your own, kept, opened, predicting.
//
//     swift run train-own FOLDER
import MedSeg

struct Mine: Network {
    let store: ParameterStore
    let outputChannels: Int
    let inputChannels = 1
    let sizeDivisor: Triple = 1
    let dropoutProbability: Float = 0
    private let conv: Conv3d

    init(_ arguments: ConfigReader, _ store: ParameterStore) throws {
        outputChannels = try arguments.required("classes", arguments.positive("classes"))
        try arguments.finish()
        self.store = store
        conv = try Conv3d(store, inputs: 1, outputs: outputChannels, .same(kernel: 3), bias: true)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor { try conv(x, in: context) }
}

let folder = CommandLine.arguments[1]
let cpu = try Devices.makeBackend("cpu")
func train(_ network: NetworkDefinition, to folder: String) throws -> Segmentation {
    let model = ModelDescription(network: network, preprocessing: try Preprocessing(), roiSize: 16)
    let built = try model.makeNetwork(on: cpu, seed: 0)
    let image = (0..<4096).map { Float($0 % 16) / 16 }
    let trainer = try Trainer(
        built, TrainingOptions(iterations: 5),
        loss: { outputs, labels in
            let (p, t) = (try softmax(outputs[0]), try oneHot(labels, classes: 2))
            return try mean((p - t) * (p - t))
        }, batches: { _ in PatchBatch(size: 16, images: image, labels: image.map { $0 > 0.5 ? 1 : 0 }) })
    try trainer.run { if case .iteration(let step) = $0 { print("loss \(step.loss)") } }
    try ModelFolder.write(model, [built.store.state()], to: folder)
    let scan = Volume(voxels: image, size: 16, affine: .identity)
    return try Segmenter(Ensemble([Predictor.open(folder, on: cpu)]))(scan, name: "arrays")
}

let unet = try train(.unet(outputChannels: 2, channels: [4, 8], strides: [2]), to: folder + "/unet")
try NetworkDefinition.register("mine.Net") { try Mine($0, $1) }
let document = try ConfigValue(yaml: "{_target_: mine.Net, classes: 2}", from: "train-own")
let mine = try train(NetworkDefinition(document, source: "train-own"), to: folder + "/mine")
print("masks of \(unet.mask.count) and \(mine.mask.count) voxels")
