import Foundation
import SegBackend
import SegCPU
import SegCore
import SegImaging
import SegInference
import SegModels
import Testing

/// Checkpoints of Auto3DSeg, which contain their own configuration.
@Suite struct Auto3DSegTests {
    private static let plain: [String: ConfigValue] = [
        "network": [
            "_target_": "SegResNetDS", "init_filters": 8, "blocks_down": [1, 1, 1], "norm": "INSTANCE_NVFUSER",
            "in_channels": 1, "out_channels": 3, "dsdepth": 2,
        ],
        "normalize_mode": "ct", "intensity_bounds": [-100, 200.5], "orientation_ras": true, "roi_size": [32, 32, 16],
        "resample_resolution": [1.5, 1.5, 2], "input_channels": 1, "output_classes": 3,
        "class_names": ["liver", "tumour"],
        "extra_modalities": [:], "num_epochs": 300, "class_index": .null,
    ]

    private static func description(_ changes: [String: ConfigValue] = [:]) throws -> ModelDescription {
        try Auto3DSeg.description(.object(plain.merging(changes) { $1 }), source: "model.pt")
    }

    private static func network(_ changes: [String: ConfigValue]) -> ConfigValue {
        guard case .object(let entries)? = plain["network"] else { return .null }
        return .object(entries.merging(changes) { $1 })
    }

    @Test func aConfigurationIsAModel() throws {
        let model = try Self.description()
        #expect(model.roiSize == Triple([32, 32, 16]) && model.overlap == 0.625 && model.mode == .gaussian)
        #expect(model.maskPlan.restoration == .nearest && !model.maskPlan.isRegions)
        #expect(model.labels == [1: "liver", 2: "tumour"])
        let window = try ScaleIntensityRange(aMin: -100, aMax: 200.5, bMin: -1, bMax: 1, clip: false)
        let crop = try CropForeground(margin: 10, divisor: 1, allowSmaller: true)
        let spacing = try Spacing(
            pixdim: [1.5, 1.5, 2], interpolation: .trilinear, isSingle: true, keptFrom: [1.125, 1.125, 1.5],
            keptTo: [1.875, 1.875, 2.5])
        #expect(
            model.preprocessing.steps == [
                .scaleIntensityRange(window), .intensityCurve(.sigmoid),
                .orientation(try Orientation(axisCodes: "RAS")),
                .cropForeground(crop), .spacing(spacing),
            ])
        try model.check()
        let again = try ModelDescription(ConfigReader(model.value, path: "", source: "model.pt"))
        #expect(again.preprocessing == model.preprocessing && again.maskPlan == model.maskPlan)
    }

    @Test func modesOfNormalisationAndAbsentEntries() throws {
        func steps(_ changes: [String: ConfigValue]) throws -> [PreprocessingStep] {
            let bare: [String: ConfigValue] = [
                "orientation_ras": false, "crop_foreground": false, "resample_resolution": .null,
            ]
            return try Self.description(bare.merging(changes) { $1 }).preprocessing.steps
        }
        let standard = try NormalizeIntensity(subtrahend: nil, divisor: nil, nonzero: true, channelWise: true)
        #expect(try steps(["normalize_mode": "none"]) == [])
        #expect(try steps(["normalize_mode": "mri"]) == [.normalizeIntensity(standard)])
        #expect(try steps(["normalize_mode": "meanstd"]) == steps(["normalize_mode": "mri"]))
        #expect(try steps(["normalize_mode": "meanstdtanh"]).last == .intensityCurve(.boundedByThree))
        #expect(try steps(["normalize_mode": "pet"]) == [.intensityCurve(.sigmoidAboveLeast)])
        // MONAI's program crops by default.
        #expect(try steps(["normalize_mode": "none", "crop_foreground": .null]).count == 1)
    }

    @Test func sigmoidsMakeRegions() throws {
        let model = try Self.description(["sigmoid": true, "class_names": ["core", "whole", "rim"]])
        #expect(model.maskPlan.isRegions && model.maskPlan.probabilities == .sigmoid)
        #expect(model.labels == [0: "core", 1: "whole", 2: "rim"])
        try model.check()
        let two = Self.network(["in_channels": 2])
        let several = try Self.description([
            "network": two, "input_channels": 2, "normalize_mode": "mri", "extra_modalities": ["image2": "meanstd"],
        ])
        guard case .cropForeground(let crop)? = several.preprocessing.steps.dropLast().last else {
            Issue.record("no crop")
            return
        }
        #expect(crop.channels == [0])
    }

    @Test(
        arguments: [
            (["normalize_mode": "zscore"], ["normalize_mode: 'zscore' is not supported"]),
            (["normalize_mode": .null], ["normalize_mode: is missing"]),
            (["intensity_bounds": .null], ["intensity_bounds: is missing"]),
            (["roi_size": [32, 32]], ["roi_size: should be three"]),
            (["network": "an object of monai.networks.nets.SegResNetDS"], ["config.network: should be an object"]),
            (["network": ["_target_": "HighResNet"]], ["'HighResNet' is not a network"]),
            (["output_classes": 4], ["output_classes: is 4, but the network has 3"]),
            (["extra_modalities": ["pet": "pet"]], ["extra_modalities: 'pet' is normalised by"]),
            // All faults at once.
            (
                [
                    "custom_transforms": ["load_transforms": []], "normalize_params": [:], "roi_size": .null,
                    "sigmoid": "yes",
                ],
                [
                    "3 problems", "roi_size: is missing", "sigmoid: should be",
                    "custom_transforms, normalize_params",
                ]
            ),
        ] as [([String: ConfigValue], [String])])
    func whatStandsInTheWayIsNamed(_ changes: [String: ConfigValue], _ words: [String]) {
        let error = #expect(throws: DataError.self) { try Self.description(changes) }
        for word in words { #expect(error?.description.contains(word) == true, "\(error?.description ?? "")") }
    }

    private static let shared = Shared.folder + "/bundles/auto3dseg_ct"

    @Test(.enabled(if: FileManager.default.fileExists(atPath: shared), "the shared bundles are not here"))
    func aFolderWithACheckpointAloneGivesMONAIsMask() throws {
        let folder = Self.shared + "/model"
        #expect(try ModelFolder.description(of: folder).labels == [1: "a", 2: "b", 3: "c"])
        let predictor = try Predictor(folder: folder, on: CPUBackend(threads: 1))
        let scan = try ScanFile.readVolume(Self.shared + "/input/scan.nii.gz").volume
        let mask = try Segmenter(Ensemble([predictor]), uncertainty: nil)(scan, name: "scan") { _, _ in }.mask
        let expected = try ScanFile.readVolume(Self.shared + "/expected.nii.gz").volume.voxels
        #expect(mask.count == expected.count && zip(mask, expected).count { Float($0) != $1 } <= 3)
    }
}
