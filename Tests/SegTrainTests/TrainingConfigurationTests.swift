import Foundation
import SegBackend
import SegCore
import SegData
import SegImaging
import SegInference
import SegModels
import SegNN
import SegReference
import SegTrain
import SegWeights
import Testing

@Suite struct TrainingConfigurationTests {
    /// Every key, none at its default.
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
            "clip_norm": 12,
        ],
        "schedule": ["name": "step", "size": 7, "gamma": 0.5, "warmup": 3, "warmup_start": 0.25], "accumulate": 6,
        "recompute": true, "iterations": 11, "minutes": 2.5, "validate_every": 4, "checkpoint_every": 2,
        "early_stopping": ["patience": 5, "min_delta": 0.125],
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
        #expect(all.model.roiSize == Triple(8, 8, 16) && all.model.overlap == 0.5)
        #expect(all.model.mode == .gaussian && all.model.labels == [1: "spleen"])
        #expect(
            try all.model.preprocessing
                == Preprocessing(
                    orientation: "LPS", pixdim: [1, 2, 3],
                    intensity: ScaleIntensityRange(aMin: -10, aMax: 20, bMin: -1, bMax: 2, clip: true),
                    cropForeground: true))
        var sampling = PatchSampling(size: Triple(8, 8, 16))
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
        (loss.ratio, loss.batch, loss.reduction) = (.jaccard, true, .sum)
        (loss.smoothNr, loss.smoothDr, loss.lambdaDice, loss.lambdaCE) = (0.25, 0.5, 0.75, 2)
        loss.classWeights = [1, 2, 3]
        #expect(all.loss == SegmentationLoss(loss))
        #expect(
            all.optimizer == .adam(beta1: 0.5, beta2: 0.75, epsilon: 0.25, weightDecay: 0.5, decoupled: true))
        #expect(all.learningRate == 0.125 && all.schedule == .step(size: 7, gamma: 0.5))
        #expect(all.iterations == 11 && all.minutes == 2.5 && all.validateEvery == 4 && all.checkpointEvery == 2)
        #expect(all.warmUp == WarmUp(iterations: 3, start: 0.25) && all.clipNorm == 12)
        #expect(all.accumulation == 6 && all.recomputes)
        #expect(all.earlyStopping?.patience == 5 && all.earlyStopping?.minDelta == 0.125)
        let other = try read(Self.full.setting(["optimizer"], to: Self.sgd))
        #expect(other.optimizer == .sgd(momentum: 0.5, dampening: 0.25, nesterov: false, weightDecay: 2))
        let last = try read(Self.full.setting(["optimizer"], to: Self.novograd))
        #expect(
            last.optimizer == .novograd(beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0, averages: true))
    }

    private static let novograd: ConfigValue = ["name": "novograd", "learning_rate": 0.1, "grad_averaging": true]

    @Test func theOtherLossesAndSchedulesAreRead() throws {
        let focal = try read(
            Self.full.setting(
                ["loss"],
                to: [
                    "name": "dice_focal", "gamma": 3, "alpha": 0.25, "lambda_focal": 0.5, "weight": [1, 2, 3],
                    "include_background": false, "reduction": "sum",
                ])
        ).loss
        #expect(focal.lambdaFocal == 0.5 && focal.overlap.lambdaCE == 0 && focal.overlap.classWeights == [1, 2, 3])
        let params = try #require(focal.focal)
        #expect(params.gamma == 3 && params.alpha == 0.25 && params.classWeights == [1, 2, 3])
        #expect(!params.includeBackground && params.reduction == .sum)
        let tversky = try read(
            Self.full.setting(["loss"], to: ["name": "tversky", "alpha": 0.25, "beta": 0.75, "batch": true])
        ).loss
        #expect(tversky.overlap.ratio == .tversky(alpha: 0.25, beta: 0.75) && tversky.overlap.batch)

        let generalized = try read(
            Self.full.setting(
                ["loss"],
                to: ["name": "generalized_dice", "w_type": "simple", "sigmoid": true, "include_background": false])
        )
        .loss.generalizedDice
        #expect(generalized?.weighting == .simple && generalized?.probabilities == .sigmoid)
        #expect(generalized?.includeBackground == false && generalized?.batch == false)

        var rule = PlateauRule()
        (rule.monitor, rule.factor, rule.patience, rule.threshold) = (.loss, 0.5, 3, 0.25)
        (rule.isRelative, rule.cooldown, rule.smallest) = (false, 2, 0.5)
        let plateau = try read(
            Self.full.setting(
                ["schedule"],
                to: [
                    "name": "plateau", "monitor": "loss", "factor": 0.5, "patience": 3, "threshold": 0.25,
                    "threshold_mode": "abs", "cooldown": 2, "min_rate": 0.0625,
                ]))
        #expect(plateau.schedule == .plateau(rule) && plateau.warmUp == nil)
    }

    /// A configuration that is printed and stored in a run reads back with the same meaning.
    @Test(arguments: ["dice", "dice_ce", "dice_focal", "tversky", "generalized_dice"], ["adam", "sgd", "novograd"])
    func theResolvedConfigurationIsTheSame(_ loss: String, _ optimizer: String) throws {
        let schedules: [ConfigValue] = [["name": "plateau"], ["name": "polynomial"], ["name": "cosine"], [:]]
        for schedule in schedules {
            let sparse = Self.full.setting(["loss"], to: ["name": .string(loss)]).setting(["schedule"], to: schedule)
                .setting(["optimizer"], to: ["name": .string(optimizer), "learning_rate": 0.1])
                .setting(["augmentation"], to: nil).setting(["minutes"], to: nil).setting(["early_stopping"], to: nil)
            let first = try read(sparse)
            let second = try read(first.resolved)
            #expect(second.resolved == first.resolved)
            #expect(second.loss == first.loss && second.optimizer == first.optimizer)
            #expect(second.schedule == first.schedule && second.sampling == first.sampling)
            #expect(second.augmentation == first.augmentation && second.model == first.model)
        }
    }

    @Test func presetsAreWholeAndTheUsersEntriesWin() throws {
        for preset in Preset.all {
            let configuration = try read(["preset": .string(preset.name), "data": "here"])
            let network = try configuration.model.makeNetwork(on: ReferenceBackend(), seed: 0)
            #expect(configuration.data == "here" && network.inputChannels == 1)
        }
        let report = try read(["preset": "report", "data": "x"])
        #expect(
            report.optimizer
                == .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4, decoupled: false))
        #expect(report.learningRate == 1e-4 && report.schedule == .step(size: 140, gamma: 0.5))
        let changed = try read([
            "preset": "report", "data": "x", "optimizer": ["learning_rate": 0.5], "schedule": ["name": "cosine"],
            "roi_size": [32, 32, 32],
        ])
        #expect(changed.optimizer == report.optimizer && changed.learningRate == 0.5)
        #expect(changed.schedule == .cosine && changed.model.roiSize == Triple(32))
        #expect(changed.loss == report.loss)
        let error = try #require(throws: DataError.self) { try read(["preset": "best", "data": "x"]) }
        #expect(error.key == "preset" && error.description.contains("report, tutorial, nnunet"))
    }

    /// The user's entries may contradict one of the preset, which is then not in the user's file.
    @Test func aPresetsOwnKeyIsSaidToBeThePresets() throws {
        let words = "The preset 'tutorial' sets this key; an entry of your own replaces it"
        let clash: ConfigValue = [
            "preset": "tutorial", "data": "x", "preprocessing": ["intensity": ["name": "z_score", "of": "nonzero"]],
        ]
        let error = try #require(throws: DataError.self) { try read(clash) }
        #expect(error.key == "preprocessing.crop_foreground" && error.message.contains(words), "\(error)")
        let crop = ["preprocessing", "crop_foreground"]
        #expect(throws: Never.self) { try read(clash.setting(crop, to: false)) }
        let own = try #require(throws: DataError.self) { try read(clash.setting(crop, to: true)) }
        #expect(own.key == error.key && !own.message.contains(words), "\(own)")
    }

    /// A key that has another name in PyTorch, MONAI or nnU-Net, or stands at a wrong place.
    @Test func keysOfOtherProgramsAreExplained() throws {
        let adam: ConfigValue = ["name": "adam", "lr": 0.1]
        let preset: ConfigValue = ["preset": "tutorial", "data": "x"]
        let cases: [(ConfigValue, String, String)] = [
            (preset.setting(["optimizer", "lr"], to: 0.1), "optimizer.lr", "mean 'learning_rate'?"),
            (Self.full.setting(["optimizer"], to: adam), "optimizer.learning_rate", "'lr' is called 'learning_rate'"),
            (preset.setting(["lr"], to: 0.1), "lr", "mean 'optimizer.learning_rate'?"),
            (preset.setting(["batch_size"], to: 2), "batch_size", "mean 'sampling.volumes_per_batch'?"),
            (preset.setting(["epochs"], to: 2), "epochs", "mean 'iterations', which counts steps, not epochs?"),
        ]
        for (document, key, words) in cases {
            let error = try #require(throws: DataError.self) { try read(document) }
            #expect(error.key == key && error.message.contains(words), "\(error)")
        }
    }

    /// The names of classes may be those of the dataset, which an error about them then names.
    @Test func labelsOfTheDatasetAreNamedByItsIndex() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let index = folder.appendingPathComponent("dataset.json")
        let json = #"{"labels": {"1": "a", "2": "b", "3": "c"}, "training": [{"image": "i.nii", "label": "l.nii"}]}"#
        try Data(json.utf8).write(to: index)
        let dataset = try Dataset.unchecked(path: index.path)
        guard case .object(let entries) = Self.full else { return }
        let own = try read(.object(entries.merging(["labels": ["1": "a", "3": "c"]]) { $1 }))
        let named = #expect(throws: DataError.self) { try own.checkedModel(of: dataset) }
        #expect(named?.subject == "test.yaml" && named?.key == "labels")
        let without = try read(.object(entries.filter { $0.key != "labels" }))
        let unnamed = #expect(throws: DataError.self) { try without.checkedModel(of: dataset) }
        #expect(unnamed?.subject == index.path && unnamed?.key == "labels")
        #expect(unnamed?.message.contains("name class 3") == true && unnamed?.message.contains("test.yaml") == true)
    }

    @Test func classesOfOneNameAreRefused() {
        guard case .object(let entries) = Self.full else { return }
        let labels: ConfigValue = ["1": "a", "2": "a"]
        let error = #expect(throws: DataError.self) { try read(.object(entries.merging(["labels": labels]) { $1 })) }
        #expect(error?.key == "labels" && error?.message.contains("classes 1 and 2 the same name, 'a'") == true)
    }

    @Test func whatWatchesTheValidationNeedsOne() throws {
        let none = Self.full.setting(["validation"], to: 0)
        #expect(try #require(throws: DataError.self) { try read(none) }.key == "early_stopping")
        let plateau = none.setting(["early_stopping"], to: nil).setting(["schedule"], to: ["name": "plateau"])
        #expect(try #require(throws: DataError.self) { try read(plateau) }.key == "schedule.monitor")
        #expect(throws: Never.self) { try read(plateau.setting(["schedule", "monitor"], to: "loss")) }
    }

    /// The paths of all keys, except those of maps with the user's keys.
    private static let paths = full.paths.filter { $0.first != "labels" || $0.count == 1 }

    /// MedSegTests tries the statements of docs/configuration.md; this test checks that it leaves nothing out.
    @Test func everyKeyIsDocumented() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/configuration.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let documents = [Self.full, Self.sgd, Self.novograd] + Preset.all.map(\.entries)
        let keys = Set(
            documents.flatMap(\.paths).filter { $0.first != "network_def" && $0 != ["labels", "1"] }.compactMap(\.last))
        for key in keys { #expect(text.contains("\(key):"), "\(key) is not in docs/configuration.md") }
    }

    @Test(arguments: paths)
    func aMisspeltKeyIsNamedWithTheRightOne(_ path: [String]) throws {
        let key = try #require(path.last)
        let misspelt = key + "s"
        let value = try #require(Self.full[path])
        let document = Self.full.setting(path, to: nil).setting(path.dropLast() + [misspelt], to: value)
        let error = try #require(throws: DataError.self) {
            let configuration = try read(document)
            _ = try configuration.model.network.makeNetwork(on: ReferenceBackend(), seed: 0)
        }
        #expect(error.description.contains("'\(misspelt)'") || error.key?.hasSuffix(misspelt) == true, "\(error)")
        #expect(error.description.contains("'\(key)'"), "\(error)")
        #expect(error.subject == "test.yaml")
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
            (["loss"], ["name": "generalized_dice", "w_type": "cubic"]),
            (["loss"], ["name": "generalized_dice", "jaccard": true]),
            (["loss"], ["name": "dice", "w_type": "simple"]),

            (["loss", "weight"], [1, 2]), (["optimizer", "name"], "lion"), (["optimizer", "learning_rate"], 0),
            (["optimizer", "betas"], [0.9, 1]), (["optimizer", "betas"], [0.9]), (["schedule", "name"], "warm"),
            (["schedule", "size"], 0), (["schedule", "warmup"], -1), (["schedule", "warmup_start"], 2),
            (["accumulate"], 0), (["recompute"], 1), (["checkpoint_every"], 0), (["optimizer", "clip_norm"], 0),
            (["early_stopping", "patience"], 0), (["early_stopping", "min_delta"], -1), (["data"], 1),
            (["optimizer"], nil), (["data"], nil), (["iterations"], nil),
        ] as [([String], ConfigValue?)])
    func aWrongValueIsNamed(_ path: [String], _ value: ConfigValue?) throws {
        let error = try #require(throws: DataError.self) { try read(Self.full.setting(path, to: value)) }
        #expect(error.key?.hasPrefix(path.joined(separator: ".")) == true, "\(error)")
    }

    @Test func aSingleChannelNeedsASigmoid() throws {
        var document = Self.full.setting(["network_def", "out_channels"], to: 1).setting(["loss"], to: ["name": "dice"])
        let softmax = try #require(throws: DataError.self) { try read(document) }
        #expect(softmax.key == "loss" && softmax.message.contains("sigmoid: true"))
        document = document.setting(["loss"], to: ["sigmoid": true])
        #expect(try read(document).loss.overlap.probabilities == .sigmoid)
        #expect(try read(document).model.classCount == 2)
        document = document.setting(["loss"], to: ["sigmoid": true, "include_background": false])
        #expect(try #require(throws: DataError.self) { try read(document) }.key == "loss.include_background")
    }

    @Test(arguments: [ConfigValue.null, 3, "text", [1, 2]])
    func aDocumentThatIsNoObjectIsRefused(_ value: ConfigValue) {
        #expect(throws: DataError.self) { try read(value) }
    }
}

/// Keys that would be accepted without effect, and numbers that no optimiser of torch accepts.
@Suite struct IdleKeyTests {
    @Test(
        arguments: [
            ("schedule.warmup_start", ["schedule": ["name": "cosine", "warmup_start": 0.1]]),
            ("schedule.power", ["schedule": ["name": "polynomial", "power": -1]]),
            ("schedule.gamma", ["schedule": ["name": "step", "size": 2, "gamma": -0.5]]),
            ("optimizer.nesterov", ["optimizer": ["name": "sgd", "learning_rate": 0.1, "nesterov": true]]),
            ("optimizer.dampening", ["optimizer": ["name": "sgd", "learning_rate": 0.1, "dampening": 0.5]]),
            ("optimizer.momentum", ["optimizer": ["name": "sgd", "learning_rate": 0.1, "momentum": -0.5]]),
            ("optimizer.weight_decay", ["optimizer": ["learning_rate": 0.1, "weight_decay": -1]]),
            ("optimizer.eps", ["optimizer": ["learning_rate": 0.1, "eps": -1]]),
        ] as [(String, [String: ConfigValue])])
    func areRefusedByName(_ key: String, _ changes: [String: ConfigValue]) throws {
        let error = try #require(throws: DataError.self) { try Spheres.configuration(patch: 8, changes: changes) }
        #expect(error.key == key)
    }
}
