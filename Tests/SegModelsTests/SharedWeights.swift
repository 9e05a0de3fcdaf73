import Foundation
import SegBackend
import SegCPU
import SegCore
import SegModels
import SegNN
import SegTensor
import SegWeights
import Testing

/// Files beside the package, which some machines lack.
enum SharedFiles {
    static let folder: String = {
        if let path = ProcessInfo.processInfo.environment["MEDSEG_SHARED"] { return path }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.deletingLastPathComponent().appendingPathComponent("shared").path
    }()

    static func path(_ name: String) -> String { "\(folder)/\(name)" }
    static let hasWeights = FileManager.default.fileExists(atPath: path("weights/monai_unet_small.pt"))
}

@Test(.enabled(if: SharedFiles.hasWeights, "the shared weights are not here"))
func checkpointAndSafetensorsPredictTheSameBits() throws {
    let pickled = try Weights.read(SharedFiles.path("weights/monai_unet_small.pt")).tensors
    let plain = try Weights.read(SharedFiles.path("weights/monai_unet_small.safetensors")).tensors
    #expect(pickled.count == 114 && Set(pickled.keys) == Set(plain.keys))
    for (name, tensor) in plain {
        #expect(pickled[name]?.bytes == tensor.bytes && pickled[name]?.shape == tensor.shape, "\(name)")
    }
    guard
        case .object(let entries) = try ConfigValue(jsonFile: SharedFiles.path("weights/monai_unet_small.json")),
        let definition = entries["network_def"]
    else {
        Issue.record("the description has no network_def")
        return
    }
    let backend = try CPUBackend(threads: 2)
    let outputs = try [pickled, plain].map { state -> [Float] in
        let net = try NetworkDefinition(definition, source: "shared").makeNetwork(on: backend, seed: 0)
        try net.store.load(state, source: "shared")
        let x = try Tensor((0..<4096).map { Float($0 % 97) / 97 }, shape: [1, 16, 16, 16, 1], on: backend)
        return try net(x, in: .inference).floats()
    }
    #expect(outputs[0].map(\.bitPattern) == outputs[1].map(\.bitPattern))
    #expect(Set(outputs[0]).count > 100)
}
