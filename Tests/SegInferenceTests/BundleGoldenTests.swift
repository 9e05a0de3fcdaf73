import SegCPU
import SegCore
import SegImaging
import SegInference
import SegModels
import SegNN
import SegTestNeeds
import Testing

/// Compares scans that `ConcatItemsd` joins, and slices that a `SliceInferer` gives to a network, with MONAI's results;
/// `Tests/Golden/bundle_inference.py` writes them.
@Suite struct BundleGoldenTests {
    struct Golden: Decodable {
        struct Chain: Decodable {
            let steps: [ConfigValue]
            let inverted: String
            let network_shape: [Int]
            let network: [Float]
            let values: [Float]
            let restored: [Float]
        }

        struct Slices: Decodable {
            struct Weight: Decodable { let values: [Float] }
            let network_def: ConfigValue
            let weights: [String: Weight]
            let inferers: [String: ConfigValue]
            let shape: [Int]
            let volume: [Float]
            let probabilities: [String: [Float]]
        }

        let images: [[Float]]
        let shape: [Int]
        let affine: [Double]
        let chains: [String: Chain]
        let slices: Slices

        static func read() throws -> Golden { try GoldenFile("bundle_inference.json").decoded() }
    }

    /// The channels are in the order of `ConcatItemsd`'s keys.
    @Test(arguments: [("before", [0, 1]), ("after", [0, 1]), ("order", [1, 0])])
    func joinedScansEqualMONAIs(_ name: String, _ order: [Int]) throws {
        let golden = try Golden.read()
        let chain = try #require(golden.chains[name])
        let load = ["LoadImaged", "EnsureChannelFirstd"].map { name -> ConfigValue in
            ["_target_": .string(name), "keys": ["t1", "t2"]]
        }
        let preprocessing = try bundlePreprocessing(load + chain.steps, inverting: chain.inverted)
        let channels = order.map {
            Volume(voxels: golden.images[$0], size: Triple(golden.shape), affine: Affine(elements: golden.affine))
        }
        let prepared = try preprocessing(ScanImage(channels, names: ["a", "b"]) { _, _ in }, name: name)
        #expect(prepared.image.size.array == chain.network_shape)
        expectSame(prepared.image.interleaved, chain.network, within: 2e-5)
        var restored: [Float] = []
        prepared.record.restore(chain.values, channels: 1, slab: 1 << 20) { restored += $0 }
        expectSame(restored, chain.restored, within: 1e-5)
    }

    @Test(arguments: ["whole_slices", "windows", "windows_constant"])
    func slicesEqualMONAIs(_ name: String) throws {
        let golden = try Golden.read().slices
        let inferer = try #require(golden.inferers[name])
        let description = try description(golden.network_def, inferer)
        let backend = try CPUBackend(threads: 2)
        let network = try description.makeNetwork(on: backend, seed: 0)
        #expect(Set(network.store.parameters.map(\.name)) == Set(golden.weights.keys))
        for parameter in network.store.parameters {
            try parameter.set(try #require(golden.weights[parameter.name]).values)
        }
        let scan = Volume(voxels: golden.volume, size: Triple(golden.shape), affine: .identity)
        let prediction = try Predictor(network: network, description: description, on: backend)
            .predict(scan, name: name) { _, _ in }
        let expected = try #require(golden.probabilities[name])
        for channel in 0..<3 {
            let own = stride(from: channel, to: expected.count, by: 3).map { expected[$0] }
            expectSame(prediction.probability(of: channel), own, within: 2e-5)
        }
    }

    private func description(_ network: ConfigValue, _ inferer: ConfigValue) throws -> ModelDescription {
        let inference: ConfigValue = [
            "network_def": network, "inferer": inferer,
            "preprocessing": compose([
                ["_target_": "LoadImaged", "keys": "image"], ["_target_": "EnsureChannelFirstd", "keys": "image"],
            ]),
            "postprocessing": compose([
                ["_target_": "Activationsd", "keys": "pred", "softmax": true],
                ["_target_": "AsDiscreted", "keys": "pred", "argmax": true],
            ]),
        ]
        return try withBundleFolder {
            try MONAIBundle(folder: $0, inference: inference, source: "inference.json", metadata: nil).description
        }
    }

    private func expectSame(_ found: [Float], _ expected: [Float], within tolerance: Float) {
        #expect(found.count == expected.count)
        let furthest = zip(found, expected).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? .infinity
        #expect(furthest <= tolerance, "off by \(furthest)")
    }
}
