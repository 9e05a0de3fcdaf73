import Foundation
import SegBackend
import SegCPU
import SegCore
import SegModels
import SegNN
import SegReference
import SegReplay
import SegTensor
import SegWeights
import Testing

private let definition: ConfigValue = [
    "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8],
    "strides": [2], "num_res_units": 1, "norm": "instance",
]
private let size = Triple(8, 6, 8)
private let rate: Float = 1e-3

/// A fault during the recording of a capture's training, so that a replay without the fault must not agree.
private enum Fault: CaseIterable {
    case weightDecay
    case momentum
    case learningRate
    /// The state after a thousand steps, when Adam's bias correction has no effect.
    case biasCorrection
}

/// A capture of four Adam steps that the reference backend computes in 64 bits, with one fault or none.
private struct RecordedTraining {
    var fault: Fault?
    /// The gradient of this parameter is multiplied by `factor`.
    var layer: String?
    var factor: Float = 1

    func write(to path: String) throws {
        let backend = ReferenceBackend()
        let network = try NetworkDefinition(definition, source: "test").makeNetwork(on: backend, seed: 4)
        let values = (0..<size.count).map { Float(($0 * 7919) % 101) / 101 }
        let labels = values.map { $0 > 0.6 ? 1 : 0 } as [Int32]
        var tensors = [
            "in.input": StoredTensor(values, shape: [1, 1] + size.array),
            "in.target": StoredTensor(labels.map(Int64.init), shape: [1, 1] + size.array),
        ]
        for (name, value) in try network.store.state() { tensors["param." + name] = value }
        let kind = OptimizerKind.adam(
            beta1: fault == .momentum ? 0.8 : 0.9, beta2: 0.999, epsilon: 1e-8,
            weightDecay: fault == .weightDecay ? 1e-2 : 1e-5, decoupled: false)
        let optimizer = try Optimizer(kind, parameters: network.store.trained)
        if fault == .biasCorrection { optimizer.step = 1000 }
        let x = try Tensor(values, shape: Shape(batch: 1, size: size, channels: 1), on: backend)
        let target = try Tensor(labels: labels, shape: Shape([1] + size.array), on: backend)
        var losses: [Float] = []
        for step in 0..<4 {
            let context = ForwardContext(mode: .training, seed: 0, pass: UInt32(step))
            let loss = try diceCELoss(network(x, in: context), labels: target, DiceCEParams())
            losses.append(Float(try loss.item()))
            let gradients = try loss.gradients(upstream: nil)
            let given = try network.store.trained.map { parameter in
                try gradients[parameter.leaf].map { try scale($0, by: parameter.name == layer ? factor : 1) }
            }
            try optimizer.step(given, learningRate: fault == .learningRate ? 1.1 * rate : rate)
        }
        tensors["out.losses"] = StoredTensor(losses, shape: [4])
        for (name, value) in try network.store.state() { tensors["after." + name] = value }
        let capture: ConfigValue = [
            "version": 1, "kind": "training", "op": "UNet", "network_def": definition,
            "params": [
                "optimizer": "adam", "steps": 4, "lr": .number(rate), "betas": [0.9, 0.999], "eps": 1e-8,
                "weight_decay": 1e-5,
            ],
        ]
        try Safetensors(tensors: tensors, metadata: ["capture": capture.jsonText()]).write(to: path)
    }

    /// The result of a replay on the CPU.
    func replayed() throws -> [Comparison] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write(to: path)
        return try Replay(on: CPUBackend(threads: 2)).run(Capture(file: path))
    }
}

@Test func trainingWithoutFaultIsReplayed() throws {
    let comparisons = try RecordedTraining().replayed()
    #expect(comparisons.count > 10)
    for comparison in comparisons { #expect(comparison.isOK, "\(comparison)") }
}

@Test(arguments: Fault.allCases)
private func faultyStepIsNoticed(_ fault: Fault) throws {
    let failed = try RecordedTraining(fault: fault).replayed().filter { !$0.isOK && $0.name.hasPrefix("after.") }
    #expect(!failed.isEmpty)
}

/// Every weight that has a gradient: those of the convolutions, and the activations' slopes.
@Test(arguments: [0, -1] as [Float])
func faultyGradientOfALayerIsNoticed(_ factor: Float) throws {
    let network = try NetworkDefinition(definition, source: "test").makeNetwork(on: ReferenceBackend(), seed: 4)
    let names = network.store.trained.map(\.name).filter { $0.hasSuffix("weight") }
    #expect(names.count > 5)
    for name in names {
        let comparisons = try RecordedTraining(layer: name, factor: factor).replayed()
        #expect(comparisons.contains { $0.name == "after." + name && !$0.isOK }, "\(name)")
    }
}
