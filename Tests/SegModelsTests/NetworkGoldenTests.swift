import SegBackend
import SegCPU
import SegModels
import SegNN
import SegReference
import SegTensor
import SegWeights
import Testing

private let names = [
    "vnet", "unetr_conv", "unetr_perceptron", "segresnet", "segresnetds", "segresnetds_even", "segresnetds2",
    "segresnetds2_point", "vista3d", "vista3d_one_class", "basicunet", "attentionunet",
    "dynunet", "swinunetr", "dints", "dints_whole", "unet_slices", "dynunet_slices",
    "unetr_slices", "plainconvunet", "residualencoderunet", "residualunet",
]

@Test(arguments: names)
func stateIsNamedAndShapedAsInMONAI(_ name: String) throws {
    let golden = try NetworkGolden.named(name)
    let store = try golden.network(on: try CPUBackend(threads: 2)).store
    let state = try store.state()
    #expect(Set(state.keys) == Set(golden.state.map(\.name)))
    for entry in golden.state { #expect(state[entry.name]?.shape == entry.shape, "\(entry.name)") }
    #expect(store.trained.map(\.shape.count).reduce(0, +) == golden.parameters)
    let own = Set(store.parameters.map(\.name))
    #expect(store.parameters.map(\.name) == golden.state.map(\.name).filter(own.contains))
}

/// VNet has a fixed size, for which the reference's plain loops are too slow.
@Test(arguments: names)
func singlePrecisionOutputsAreMONAIs(_ name: String) throws {
    let golden = try NetworkGolden.named(name)
    let backend = try CPUBackend(threads: 2)
    let network = try golden.network(on: backend)
    let x = try golden.data(on: backend).x
    let evaluated = try NetworkGolden.sample(network(x, in: .inference))
    #expect(relativeError(evaluated, golden.eval) < 1e-4)
    let outputs = try network.supervisedOutputs(x, in: trainingWithoutDropout)
    #expect(outputs.count == golden.train.count)
    for (ours, theirs) in zip(outputs, golden.train) {
        let error = relativeError(try NetworkGolden.sample(ours), theirs)
        #expect(error < 1e-4)
    }
}

@Test(arguments: names.dropFirst())
func outputsAndGradientsInDoubleAreMONAIs(_ name: String) throws {
    try checkGradients(name, on: ReferenceBackend(), outputs: 1e-6, gradients: 1e-5)
}

@Test func gradientsOfVNetAreMONAIs() throws {
    try checkGradients("vnet", on: try CPUBackend(threads: 2), outputs: 1e-4, gradients: 1e-3)
}

private func checkGradients(
    _ name: String, on backend: any Backend, outputs tolerance: Double, gradients gradientTolerance: Double
) throws {
    let golden = try NetworkGolden.named(name)
    let network = try golden.network(on: backend)
    let (x, labels) = try golden.data(on: backend)
    let evaluated = try NetworkGolden.sample(network(x, in: .inference))
    #expect(relativeError(evaluated, golden.eval) < tolerance)
    let outputs = try network.supervisedOutputs(x, in: trainingWithoutDropout)
    var losses = try outputs.map { try diceCELoss($0, labels: labels.nearest(like: $0), DiceCEParams()) }
    let first = losses.removeFirst()
    let loss = try scale(losses.reduce(first) { try add($0, $1) }, by: 1 / Float(outputs.count))
    let value = try loss.item()
    #expect(abs(value - golden.loss) < tolerance * golden.loss)
    let gradients = try loss.gradients(upstream: nil)
    let scale = try #require(golden.gradients.values.map({ $0[0] }).max())
    var count = 0
    for (stream, parameter) in golden.streams(network) {
        guard let theirs = golden.gradients[parameter.name] else { continue }
        count += 1
        let ours = try #require(gradients[parameter.leaf], "\(parameter.name) has no gradient").doubles()
        let norm = ours.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let formula = NetworkGolden.formula(stream: stream, count: ours.count)
        let projection = zip(ours, formula).reduce(0) { $0 + $1.0 * $1.1 }
        // A bias before a norm has no gradient except rounding.
        let isZero = theirs[0] < 1e-10 * scale
        let allowed = isZero ? 1e-6 * scale : gradientTolerance * theirs[0]
        #expect(abs(norm - theirs[0]) < allowed, "\(parameter.name): norm \(norm), MONAI's \(theirs[0])")
        #expect(abs(projection - theirs[1]) < allowed, "\(parameter.name): projection \(projection), \(theirs[1])")
    }
    #expect(count == golden.gradients.count)
}

private var trainingWithoutDropout: ForwardContext {
    var context = ForwardContext(mode: .training, seed: 0, pass: 0)
    context.dropsOut = false
    return context
}
