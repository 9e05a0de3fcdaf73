import SegCore
import SegImaging
import SegInference
import SegModels
import Testing

/// The entry `intensity` of configurations and model folders.
@Suite struct IntensityRulesCodingTests {
    private func description(
        _ preprocessing: ConfigValue, ofModel: Bool = true
    ) throws -> ModelDescription {
        let value: ConfigValue = [
            "network_def": [
                "_target_": "UNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 2, "channels": [4, 8],
                "strides": [2],
            ],
            "preprocessing": preprocessing, "roi_size": [8, 8, 8],
        ]
        let reader = try ConfigReader(value, path: "", source: "test.json")
        return try ofModel ? ModelDescription(reader) : ModelDescription.entries(of: reader)
    }

    private static func written() throws -> [(ConfigValue, [IntensityRule])] {
        [
            (["a_min": -57, "a_max": 164], [.window(try ScaleIntensityRange(aMin: -57, aMax: 164))]),
            (["name": "window", "a_min": -57, "a_max": 164], [.window(try ScaleIntensityRange(aMin: -57, aMax: 164))]),
            (["name": "z_score"], [.zScore(.whole)]),
            (["name": "z_score", "of": "foreground"], [.zScore(.foreground)]),
            (
                ["name": "percentiles"],
                [
                    .percentiles(
                        try PercentileScale(
                            lower: 0.5, upper: 99.5, bMin: 0, bMax: 1, clip: true, isRelative: false, channelWise: true)
                    )
                ]
            ),
            (["name": "min_max", "b_max": 2], [.minMax(try MinMaxScale(low: 0, high: 2, channelWise: true))]),
            (["name": "fixed", "mean": 10, "std": 20], [.fixed(mean: 10, deviation: 20)]),
            (
                [
                    "name": "fingerprint", "mean": 99.25, "std": 39.5, "percentile_00_5": -41, "percentile_99_5": 176,
                ],
                [.fingerprint(try IntensityFingerprint(mean: 99.25, deviation: 39.5, lower: -41, upper: 176))]
            ),
            (
                [["name": "z_score", "of": "nonzero"], ["a_min": 0, "a_max": 9]],
                [
                    .zScore(.nonzero), .window(try ScaleIntensityRange(aMin: 0, aMax: 9)),
                ]
            ),
        ]
    }

    @Test(arguments: try written())
    func rulesAreReadAndWritten(_ entry: ConfigValue, _ rules: [IntensityRule]) throws {
        let model = try description(["pixdim": [1, 1, 2], "intensity": entry])
        #expect(model.preprocessing.intensities?.rules == rules)
        let again = try ModelDescription(ConfigReader(model.value, path: "", source: "test.json"))
        #expect(again == model && again.value == model.value)
        // A list of transforms holds the same rules.
        let listed = try description([["_target_": "IntensityRules", "rules": entry]])
        #expect(listed.preprocessing == Preprocessing([.intensity(IntensityRules(rules))]))
        #expect(try ModelDescription(ConfigReader(listed.value, path: "", source: "test.json")) == listed)
    }

    /// Records of earlier versions have no name, and must stay comparable.
    @Test func aWindowIsWrittenWithoutAName() throws {
        let named = try description(["intensity": ["name": "window", "a_min": 1, "a_max": 2]])
        let plain = try description(["intensity": ["a_min": 1, "a_max": 2]])
        #expect(named.value == plain.value && named.preprocessing.window?.aMax == 2)
    }

    @Test(
        arguments: [
            (["name": "zscore"], "name", "should be window, percentiles, fixed, fingerprint, min_max or z_score"),
            (["name": "z_score", "of": "organ"], "of", "whole, nonzero or foreground"),
            (["name": "z_score", "clip": true], "clip", "not a known key"),
            (["name": "fixed", "mean": 1], "std", "is missing"),
            (["name": "fixed", "mean": 1, "std": 0], "std", "positive"),
            (["name": "percentiles", "lower": 101], "lower", "from 0 to 100"),
            (["name": "fingerprint", "mean": 1, "std": 2], "name", "percentile_00_5, percentile_99_5 are missing"),
            (
                ["name": "fingerprint", "mean": 1, "std": -2, "percentile_00_5": 0, "percentile_99_5": 3], "mean",
                "std not negative"
            ),
        ] as [([String: ConfigValue], String, String)])
    func wrongRulesAreNamed(_ entry: [String: ConfigValue], _ key: String, _ words: String) throws {
        let error = try #require(throws: DataError.self) { try description(["intensity": .object(entry)]) }
        #expect(error.key == "preprocessing.intensity.\(key)" && error.message.contains(words), "\(error)")
    }

    @Test func listsAndCropsAreChecked() throws {
        let wrong: [(ConfigValue, String)] = [
            ([], "a list with an object for each channel"), (5, "should be an object"),
        ]
        for (entry, words) in wrong {
            let error = try #require(throws: DataError.self) { try description(["intensity": entry]) }
            #expect(error.message.contains(words), "\(error)")
        }
        let error = try #require(throws: DataError.self) {
            try description(["intensity": ["name": "z_score"], "crop_foreground": true])
        }
        #expect(error.key == "preprocessing.crop_foreground" && error.message.contains("above a mean"), "\(error)")
        let several: ConfigValue = [["name": "z_score"], ["name": "z_score"], ["name": "z_score"]]
        // An object is for all channels; a list of one says nothing about the second channel.
        let single: ConfigValue = [["name": "z_score"]]
        let listed: ConfigValue = [["_target_": "IntensityRules", "rules": single]]
        for entry in [["intensity": single], listed] as [ConfigValue] {
            let one = try #require(throws: DataError.self) { try description(entry) }
            #expect(one.message.contains("is a list of one rule, but the network takes 2 channels"), "\(one)")
        }
        let three = try #require(throws: DataError.self) { try description(["intensity": several]).check() }
        #expect(three.message.contains("has 3 rules, but the network takes 2 channels"), "\(three)")
    }

    @Test func onlyTrainingMeasuresAFingerprint() throws {
        let entry: ConfigValue = ["intensity": ["name": "fingerprint"]]
        let waiting = try description(entry, ofModel: false)
        #expect(!waiting.preprocessing.isMeasured)
        let error = try #require(throws: DataError.self) { try description(entry) }
        #expect(error.key == "preprocessing.intensity" && error.message.contains("training run measures"), "\(error)")
    }

    /// MONAI has most rules, for all channels at once.
    @Test func bundlesHaveMONAIsTransforms() throws {
        func bundle(_ rule: ConfigValue) throws -> String {
            let files = try MONAIBundle.files(of: description(["intensity": rule]), name: "test", license: nil)
            return files["configs/inference.json"] ?? ""
        }
        #expect(try bundle(["name": "z_score", "of": "nonzero"]).contains("NormalizeIntensityd"))
        #expect(try bundle(["name": "percentiles"]).contains("ScaleIntensityRangePercentilesd"))
        let written = try Self.written().map(\.0)
        for rule in [written[7], written[8], ["name": "z_score", "of": "foreground"]] {
            #expect(throws: DataError.self) { try bundle(rule) }
        }
    }
}
