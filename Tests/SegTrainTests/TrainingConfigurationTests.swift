import SegBackend
import SegData
import SegImaging
import SegInference
import SegModels
import SegNN
import SegReference
import SegTrain
import Testing

@Suite struct TrainingConfigurationTests {
    /// Every key there is, none at its default.
    private static let full: ConfigValue = [
        "data": "somewhere", "validation": ["a", "b"], "seed": 9,
        "network_def": [
            "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3,
            "channels": [4, 8], "strides": [2],
        ],
        "preprocessing": [
            "orientation": "LPS", "pixdim": [1, 2, 3], "crop_foreground": true,
            "intensity": ["a_min": -10, "a_max": 20, "b_min": -1, "b_max": 2, "clip": true],
        ],
        "roi_size": [8, 8, 16], "overlap": 0.5, "mode": "gaussian", "labels": ["1": "spleen"],
        "sampling": [
            "pos": 3, "neg": 2, "samples_per_volume": 4, "volumes_per_batch": 5, "image_threshold": 0.5, "pad": true,
        ],
        "augmentation": [
            "flip": ["prob": 0.2, "axes": [1]], "rotate90": ["prob": 0.3],
            "scale_intensity": ["prob": 0.4, "factors": 0.6], "shift_intensity": ["prob": 0.7, "offsets": 0.8],
        ],
        "loss": [
            "name": "dice_ce", "softmax": false, "include_background": false, "squared_pred": true, "jaccard": true,
            "batch": true, "smooth_nr": 0.25, "smooth_dr": 0.5, "weight": [1, 2, 3], "lambda_dice": 0.75,
            "lambda_ce": 2, "reduction": "sum",
        ],
        "optimizer": [
            "name": "adamw", "learning_rate": 0.125, "weight_decay": 0.5, "betas": [0.5, 0.75], "eps": 0.25,
        ],
        "schedule": ["name": "step", "size": 7, "gamma": 0.5], "iterations": 11, "minutes": 2.5, "validate_every": 4,
    ]

    private static let sgd: ConfigValue = [
        "name": "sgd", "learning_rate": 0.1, "momentum": 0.5, "dampening": 0.25, "nesterov": false, "weight_decay": 2,
    ]

    private func read(_ value: ConfigValue) throws -> TrainingConfiguration {
        try TrainingConfiguration(value, source: "test.yaml")
    }

    @Test func everyKeyIsRead() throws {
        let all = try read(Self.full)
        #expect(all.data == "somewhere" && all.validation == .names(["a", "b"]) && all.seed == 9)
        #expect(all.model.roiSize == Triple(d: 8, h: 8, w: 16) && all.model.overlap == 0.5)
        #expect(all.model.mode == .gaussian && all.model.labels == [1: "spleen"])
        #expect(
            all.model.preprocessing
                == Preprocessing(
                    orientation: "LPS", pixdim: [1, 2, 3],
                    intensity: .init(aMin: -10, aMax: 20, bMin: -1, bMax: 2, clip: true), cropForeground: true))
        var sampling = PatchSampling(size: Size3(8, 8, 16))
        (sampling.positive, sampling.negative, sampling.imageThreshold) = (3, 2, 0.5)
        (sampling.samplesPerVolume, sampling.volumesPerBatch, sampling.pad) = (4, 5, true)
        #expect(all.sampling == sampling)
        var augmentation = Augmentation()
        (augmentation.flipProbability, augmentation.flipAxes, augmentation.rotateProbability) = (0.2, [1], 0.3)
        (augmentation.scaleProbability, augmentation.scaleFactors) = (0.4, 0.6)
        (augmentation.shiftProbability, augmentation.shiftOffsets) = (0.7, 0.8)
        #expect(all.augmentation == augmentation)
        var loss = DiceCEParams()
        (loss.probabilities, loss.includeBackground, loss.squaredPred) = (.identity, false, true)
        (loss.jaccard, loss.batch, loss.reduction) = (true, true, .sum)
        (loss.smoothNr, loss.smoothDr, loss.lambdaDice, loss.lambdaCE) = (0.25, 0.5, 0.75, 2)
        loss.classWeights = [1, 2, 3]
        #expect(all.loss == loss)
        #expect(
            all.optimizer == .adam(beta1: 0.5, beta2: 0.75, epsilon: 0.25, weightDecay: 0.5, decoupled: true))
        #expect(all.learningRate == 0.125 && all.schedule == .step(size: 7, gamma: 0.5))
        #expect(all.iterations == 11 && all.minutes == 2.5 && all.validateEvery == 4)
        let other = try read(Self.full.setting(["optimizer"], to: Self.sgd))
        #expect(other.optimizer == .sgd(momentum: 0.5, dampening: 0.25, nesterov: false, weightDecay: 2))
    }

    /// The paths of all keys, but those of maps whose keys are the user's.
    private static let paths = full.paths.filter { $0.first != "labels" || $0.count == 1 }

    @Test(arguments: paths)
    func aMisspeltKeyIsNamedWithTheRightOne(_ path: [String]) throws {
        let key = try #require(path.last)
        let misspelt = key + "s"
        let value = try #require(Self.full[path])
        let document = Self.full.setting(path, to: nil).setting(path.dropLast() + [misspelt], to: value)
        let error = try #require(throws: ConfigError.self) {
            let configuration = try read(document)
            _ = try configuration.model.network.makeNetwork(on: ReferenceBackend(), seed: 0)
        }
        #expect(error.description.contains("'\(misspelt)'") || error.key?.hasSuffix(misspelt) == true, "\(error)")
        #expect(error.description.contains("'\(key)'"), "\(error)")
        #expect(error.source == "test.yaml")
    }

    @Test(
        arguments: [
            (["seed"], -1), (["validation"], 1), (["validation"], [1]), (["iterations"], 0), (["iterations"], 1.5),
            (["minutes"], 0), (["validate_every"], 0), (["roi_size"], [8, 8]), (["roi_size"], [8, 0, 8]),
            (["roi_size"], [4096, 4096, 4096]), (["sampling", "volumes_per_batch"], .int(.max)),
            (["preprocessing", "orientation"], "RAX"), (["overlap"], 1), (["mode"], "linear"),
            (["labels"], ["spleen": "1"]), (["labels"], 3),
            (["preprocessing", "pixdim"], [1, 0, 1]), (["preprocessing", "intensity", "a_min"], "low"),
            (["sampling", "pos"], -1), (["sampling", "samples_per_volume"], 0), (["sampling", "pad"], 1),
            (["augmentation", "flip", "prob"], 2), (["augmentation", "flip", "axes"], [3]),
            (["augmentation", "rotate90"], 0.1), (["loss", "name"], "focal"), (["loss", "reduction"], "none"),
            (["loss", "weight"], [1, 2]), (["optimizer", "name"], "lion"), (["optimizer", "learning_rate"], 0),
            (["optimizer", "betas"], [0.9, 1]), (["optimizer", "betas"], [0.9]), (["schedule", "name"], "warm"),
            (["schedule", "size"], 0), (["data"], 1), (["optimizer"], nil), (["data"], nil), (["iterations"], nil),
        ] as [([String], ConfigValue?)])
    func aWrongValueIsNamed(_ path: [String], _ value: ConfigValue?) throws {
        let error = try #require(throws: ConfigError.self) { try read(Self.full.setting(path, to: value)) }
        #expect(error.key?.hasPrefix(path.joined(separator: ".")) == true, "\(error)")
    }

    @Test func aSingleChannelNeedsASigmoid() throws {
        var document = Self.full.setting(["network_def", "out_channels"], to: 1).setting(["loss"], to: ["name": "dice"])
        let softmax = try #require(throws: ConfigError.self) { try read(document) }
        #expect(softmax.key == "loss" && softmax.message.contains("sigmoid: true"))
        document = document.setting(["loss"], to: ["sigmoid": true])
        #expect(try read(document).loss.probabilities == .sigmoid)
        #expect(try read(document).model.classCount == 2)
        document = document.setting(["loss"], to: ["sigmoid": true, "include_background": false])
        #expect(try #require(throws: ConfigError.self) { try read(document) }.key == "loss.include_background")
    }

    @Test(arguments: [ConfigValue.null, 3, "text", [1, 2]])
    func aDocumentThatIsNoObjectIsRefused(_ value: ConfigValue) {
        #expect(throws: ConfigError.self) { try read(value) }
    }
}
