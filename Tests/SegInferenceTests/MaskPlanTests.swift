import Foundation
import SegCore
import SegImaging
import SegInference
import SegTestNeeds
import Testing

/// Compares steps on label maps with MONAI's, and checks that plans are written as they are read.
@Suite struct MaskPlanTests {
    struct Golden: Decodable {
        struct Case: Decodable { let mask: [UInt8] }
        let shape: [Int]
        let labels: [UInt8]
        let cases: [Case]
        let single: [UInt8]
        let single_cases: [Case]
        let regions: [UInt8]
        let region_cases: [Case]
    }

    private static let file = GoldenFile("mask_steps.json")

    private static func description(_ steps: ConfigValue, channels: Int = 4) throws -> ModelDescription {
        let value: ConfigValue = [
            "network_def": [
                "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": .int(channels),
                "channels": [2, 4], "strides": [2],
            ],
            "preprocessing": ["pixdim": [1, 1, 1]], "roi_size": [8, 8, 8], "postprocessing": steps,
        ]
        return try ModelDescription(ConfigReader(value, path: "", source: "model.json"))
    }

    /// The steps of the document's list `key`, each read as the end of a chain.
    private static func steps(_ key: String, regions: Bool = false) throws -> [MaskStep] {
        guard case .object(let document) = try ConfigValue(jsonFile: file.path), case .array(let cases)? = document[key]
        else {
            return []
        }
        return try cases.map { item in
            guard case .object(let entries) = item, let step = entries["step"] else { throw CancellationError() }
            let discrete: [ConfigValue] =
                regions
                ? [["_target_": "Activations", "sigmoid": true], ["_target_": "AsDiscrete", "threshold": 0.5]]
                : [["_target_": "AsDiscrete", "argmax": true]]
            let plan = try description(.array(discrete + [step])).maskPlan
            return try #require(plan.before.first)
        }
    }

    @Test func stepsEqualMONAIs() throws {
        let golden = try Self.file.decoded(as: Golden.self)
        let size = Triple(golden.shape[0], golden.shape[1], golden.shape[2])
        for (key, labels, cases) in [
            ("cases", golden.labels, golden.cases), ("single_cases", golden.single, golden.single_cases),
        ] {
            let steps = try Self.steps(key)
            try #require(steps.count == cases.count && !steps.isEmpty)
            for (step, expected) in zip(steps, cases) {
                var mask = labels
                step.apply(to: &mask, size: size)
                #expect(mask == expected.mask, "\(step)")
                #expect(mask != labels, "\(step) changes nothing, which tests nothing")
            }
        }
    }

    @Test func stepsOnRegionsEqualMONAIs() throws {
        let golden = try Self.file.decoded(as: Golden.self)
        let size = Triple(golden.shape[0], golden.shape[1], golden.shape[2])
        func maps(_ flat: [UInt8]) -> [[UInt8]] {
            stride(from: 0, to: flat.count, by: size.count).map { Array(flat[$0..<$0 + size.count]) }
        }
        let steps = try Self.steps("region_cases", regions: true)
        try #require(steps.count == golden.region_cases.count && !steps.isEmpty)
        for (step, expected) in zip(steps, golden.region_cases) {
            var found = maps(golden.regions)
            step.apply(to: &found, size: size)
            #expect(found == maps(expected.mask), "\(step)")
            #expect(found != maps(golden.regions), "\(step) changes nothing, which tests nothing")
        }
    }

    @Test(arguments: [
        #"[{"_target_": "Activations", "softmax": true}, {"_target_": "AsDiscrete", "argmax": true}]"#,
        #"""
        [{"_target_": "Activations", "softmax": true}, {"_target_": "AsDiscrete", "argmax": true},
        {"_target_": "KeepLargestConnectedComponent", "applied_labels": [1, 2], "connectivity": 2},
        {"_target_": "Invert"}, {"_target_": "FillHoles"}, {"_target_": "RemoveSmallObjects"},
        {"_target_": "LabelFilter", "applied_labels": 3}]
        """#,
        #"""
        [{"_target_": "Activations", "softmax": true}, {"_target_": "Invert", "nearest_interp": false},
        {"_target_": "AsDiscrete", "argmax": true}]
        """#,
        #"[{"_target_": "Activations", "sigmoid": true}, {"_target_": "AsDiscrete", "argmax": true}]"#,
        #"""
        [{"_target_": "Activations", "sigmoid": true}, {"_target_": "Invert", "nearest_interp": false},
        {"_target_": "AsDiscrete", "threshold": 0.4}, {"_target_": "FillHoles", "applied_labels": [3]}]
        """#,
        #"""
        [{"_target_": "Activations", "softmax": true}, {"_target_": "AsDiscrete", "threshold": 0.5},
        {"_target_": "KeepLargestConnectedComponent", "is_onehot": true}, {"_target_": "Invert"}]
        """#,
    ])
    func plansAreWrittenAsTheyAreRead(_ text: String) throws {
        let described = try Self.description(ConfigValue(json: Data(text.utf8), from: "steps"))
        let again = try ModelDescription(ConfigReader(described.value, path: "", source: "model.json"))
        #expect(again == described)
    }

    @Test func aSingleChannelKeepsItsThreshold() throws {
        let text = #"[{"_target_": "Activations", "sigmoid": true}, {"_target_": "AsDiscrete", "threshold": 0.3}]"#
        let described = try Self.description(ConfigValue(json: Data(text.utf8), from: "steps"), channels: 1)
        #expect(described.maskPlan.threshold == 0.3 && described.maskPlan.restoration == .none)
        let again = try ModelDescription(ConfigReader(described.value, path: "", source: "model.json"))
        #expect(again == described)
    }

    @Test(arguments: [
        (#"{"_target_": "KeepLargestConnectedComponent", "is_onehot": false}"#, "is_onehot"),
        (#"{"_target_": "FillHoles", "applied_labels": [4]}"#, "applied_labels"),
        (#"{"_target_": "AsDiscrete", "argmax": true}"#, "_target_"),
    ])
    func whatIsNoStepOfRegionsIsRefused(_ step: String, _ key: String) throws {
        let text =
            #"[{"_target_": "Activations", "sigmoid": true}, {"_target_": "AsDiscrete", "threshold": 0.5}, "# + step
            + "]"
        let error = #expect(throws: DataError.self) {
            try Self.description(ConfigValue(json: Data(text.utf8), from: "steps"))
        }
        #expect(error?.key == "postprocessing.2.\(key)")
    }
}
