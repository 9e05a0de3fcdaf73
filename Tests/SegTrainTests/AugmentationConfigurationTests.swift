import SegCore
import SegData
import SegImaging
import SegModels
import SegTrain
import Testing

@Suite struct AugmentationConfigurationTests {
    private static let base: ConfigValue = [
        "data": "somewhere",
        "network_def": [
            "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
            "channels": [4, 8], "strides": [2],
        ],
        "preprocessing": [:], "roi_size": [8, 8, 16],
        "optimizer": ["name": "adam", "learning_rate": 0.1], "iterations": 3,
    ]

    private func read(_ changes: (String, ConfigValue)...) throws -> TrainingConfiguration {
        var value = Self.base
        for (path, new) in changes { value = value.setting(path.split(separator: ".").map(String.init), to: new) }
        return try TrainingConfiguration(value, source: "test.yaml")
    }

    @Test func everyStepIsRead() throws {
        let read = try read(
            (
                "augmentation",
                [
                    "affine": [
                        "prob": 0.3, "rotate": [90, 0, 45], "scale": [0.5, 2], "shear": 0.1, "padding": "zeros",
                    ],
                    "elastic": ["prob": 0.4, "sigma": [2, 3], "magnitude": [4, 5], "padding": "border"],
                    "noise": ["prob": 0.5, "std": 0.6], "blur": ["prob": 0.7, "sigma": [0.1, 0.2]],
                    "brightness": ["prob": 0.8, "range": [0.1, 0.9]], "contrast": ["prob": 0.9, "range": [0.2, 3]],
                    "low_resolution": ["prob": 0.15, "zoom": [0.25, 0.75]],
                    "gamma": ["prob": 0.2, "range": [0.4, 2], "invert_prob": 0.75, "retain_stats": false],
                ]
            )
        ).augmentation
        var expected = Augmentation()
        expected.affine = RandAffine(
            probability: 0.3, rotation: [.pi / 2, 0, .pi / 4], shear: 0.1, scale: 0.5...2, padding: .zeros)
        expected.elastic = RandElastic(probability: 0.4, sigma: 2...3, magnitude: 4...5, padding: .border)
        expected.noise = RandGaussianNoise(probability: 0.5, deviation: 0.6)
        expected.blur = RandGaussianSmooth(probability: 0.7, sigma: 0.1...0.2)
        expected.brightness = RandBrightness(probability: 0.8, range: 0.1...0.9)
        expected.contrast = RandContrast(probability: 0.9, range: 0.2...3)
        expected.lowResolution = RandLowResolution(probability: 0.15, zoom: 0.25...0.75)
        expected.gamma = RandGamma(
            probability: 0.2, range: 0.4...2, invertProbability: 0.75, retainsStatistics: false)
        #expect(read == expected)
    }

    @Test func emptyStepsHaveNNUNetsRanges() throws {
        let names = ["affine", "elastic", "noise", "blur", "brightness", "contrast", "low_resolution", "gamma"]
        let all = ConfigValue.object(Dictionary(uniqueKeysWithValues: names.map { ($0, [:]) }))
        let read = try read(("augmentation", all)).augmentation
        #expect(
            read.affine
                == RandAffine(
                    probability: 0.2, rotation: [.pi / 6, .pi / 6, .pi / 6], shear: nil, scale: 0.7...1.4,
                    padding: .reflection))
        #expect(read.noise == RandGaussianNoise(probability: 0.1, deviation: 0.1))
        #expect(read.gamma?.range == 0.7...1.5 && read.gamma?.retainsStatistics == true)
        #expect(read.lowResolution == RandLowResolution(probability: 0.25, zoom: 0.5...1))
    }

    @Test(
        arguments: [
            ("augmentation.affine.prob", 2), ("augmentation.affine.rotate", -1),
            ("augmentation.affine.rotate", [1, 2]),
            ("augmentation.affine.scale", [0, 1]), ("augmentation.affine.shear", -1),
            ("augmentation.affine.padding", "wrap"), ("augmentation.elastic.sigma", [3, 2]),
            ("augmentation.elastic.magnitude", 5), ("augmentation.noise.std", -1), ("augmentation.blur.sigma", [0, 1]),
            ("augmentation.brightness.range", [1]), ("augmentation.contrast.rnge", [1, 2]),
            ("augmentation.low_resolution.zoom", [0.5, 1.5]), ("augmentation.gamma.invert_prob", -0.5),
            ("augmentation.gamma.retain_stats", 1), ("rng", "numpy"), ("sampling.foreground_oversampling", 1.5),
        ] as [(String, ConfigValue)])
    func wrongValuesAreNamed(_ path: String, _ value: ConfigValue) throws {
        var whole = Self.base
        let keys = path.split(separator: ".").map(String.init)
        for count in 1..<keys.count { whole = whole.setting(Array(keys.prefix(count)), to: [:]) }
        let error = try #require(throws: DataError.self) {
            try TrainingConfiguration(whole.setting(keys, to: value), source: "test.yaml")
        }
        #expect(error.key == path || path.hasSuffix("rnge") && error.key?.hasPrefix("augmentation.contrast") == true)
    }

    @Test func drawsAndOversamplingAreRead() throws {
        #expect(try read().sampling.draws == .medseg && read().sampling.foregroundOversampling == nil)
        #expect(try read(("rng", "monai")).sampling.draws == .monai)
        let forced: ConfigValue = ["foreground_oversampling": 0.33]
        let configuration = try read(("sampling", forced))
        #expect(configuration.sampling.foregroundOversampling == 0.33)
        let again = try TrainingConfiguration(configuration.resolved, source: "again")
        #expect(again.sampling == configuration.sampling)
        for (key, value) in [("sampling.pos", 1), ("rng", "monai")] as [(String, ConfigValue)] {
            let error = try #require(throws: DataError.self) { try read(("sampling", forced), (key, value)) }
            #expect(error.key == "sampling.foreground_oversampling")
        }
    }

    @Test func theCacheIsTheUsersUnlessNamed() throws {
        #expect(try read().cache == .ofUser() && read().cache.folder?.hasSuffix("/medseg/cases") == true)
        #expect(try read(("cache", "none")).cache.folder == nil)
        #expect(try read(("cache", "/somewhere")).cache.folder == "/somewhere")
    }
}
