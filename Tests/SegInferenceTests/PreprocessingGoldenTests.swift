import Foundation
import SegCore
import SegImaging
import SegInference
import SegTestNeeds
import Testing

/// Compares chains of MONAI's transforms in many orders, and their inverses, with MONAI's results for a small scan.
@Suite struct PreprocessingGoldenTests {
    struct Golden: Decodable {
        struct Case: Decodable {
            let network_shape: [Int]
            let network_affine: [Double]
            let network: [Float]
            let values: [Float]
            let labels: [UInt8]
            let restored: [Float]
            let restored_labels: [UInt8]
        }
        let image: [[Float]]
        let shape: [Int]
        let affine: [Double]
        let cases: [String: Case]
    }

    private static let file = GoldenFile("preprocessing.json")

    static let golden: Golden? = try? file.decoded(as: Golden.self)

    static var names: [String] { golden?.cases.keys.sorted() ?? [] }

    /// The chain of a case, read as in a `model.json`.
    private static func steps(_ name: String) throws -> Preprocessing {
        let document = try ConfigReader(ConfigValue(jsonFile: file.path), path: "", source: file.path)
        let steps = try document.object("cases")?.object(name)?.value("steps")
        return try description(preprocessing: try #require(steps)).preprocessing
    }

    private static func description(preprocessing: ConfigValue) throws -> ModelDescription {
        let value: ConfigValue = [
            "network_def": [
                "_target_": "UNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 2, "channels": [2, 4],
                "strides": [2],
            ],
            "preprocessing": preprocessing, "roi_size": [8, 8, 8],
        ]
        return try ModelDescription(ConfigReader(value, path: "", source: "model.json"))
    }

    private static func scan(_ golden: Golden) throws -> ScanImage {
        let size = Triple(golden.shape[0], golden.shape[1], golden.shape[2])
        let channels = golden.image.map {
            Volume(voxels: $0, size: size, affine: Affine(elements: golden.affine))
        }
        return try ScanImage(channels, names: ["a", "b"]) { _, _ in }
    }

    @Test func goldensAreThere() { #expect(Self.names.count == 30) }

    @Test(arguments: names)
    func chainsEqualMONAIs(_ name: String) throws {
        let golden = try #require(Self.golden)
        let expected = try #require(golden.cases[name])
        let prepared = try Self.steps(name)(Self.scan(golden), name: name)
        let size = prepared.image.size
        #expect([size.d, size.h, size.w] == expected.network_shape)
        #expect(zip(prepared.image.affine.elements, expected.network_affine).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(prepared.image.affine == prepared.record.networkAffine && size == prepared.record.networkSize)
        let network = prepared.image.interleaved
        try #require(network.count == expected.network.count)
        #expect(zip(network, expected.network).allSatisfy { abs($0 - $1) <= 2e-5 * max(1, abs($1)) })
    }

    @Test(arguments: names)
    func theWayBackEqualsMONAIs(_ name: String) throws {
        let golden = try #require(Self.golden)
        let expected = try #require(golden.cases[name])
        let record = try Self.steps(name)(Self.scan(golden), name: name).record
        for slab in [1, 80, 1 << 20] {
            var restored: [Float] = []
            record.restore(expected.values, channels: 1, slab: slab) { restored += $0 }
            try #require(restored.count == expected.restored.count)
            #expect(zip(restored, expected.restored).allSatisfy { abs($0 - $1) <= 1e-5 })
        }
        #expect(record.restoreLabels(expected.labels) == expected.restored_labels)
    }

    @Test(arguments: names)
    func chainsAreWrittenAsTheyAreRead(_ name: String) throws {
        let chain = try Self.steps(name)
        let value = try Self.description(preprocessing: [])
        var description = value
        description.preprocessing = chain
        let again = try ModelDescription(ConfigReader(description.value, path: "", source: "model.json"))
        #expect(again == description)
    }

    /// The maximum size after a chain is computed from the header alone.
    @Test(arguments: names)
    func plansCoverWhatIsMade(_ name: String) throws {
        let golden = try #require(Self.golden)
        let (chain, scan) = (try Self.steps(name), try Self.scan(golden))
        let told = try chain.destinationSize(of: scan.size, at: scan.affine, name: name)
        let made = try chain(scan, name: name).image.size
        #expect(told.d >= made.d && told.h >= made.h && told.w >= made.w)
    }

    /// A label map follows its image through every chain.
    @Test(arguments: names)
    func labelsFollowTheirImages(_ name: String) throws {
        let golden = try #require(Self.golden)
        let (chain, scan) = (try Self.steps(name), try Self.scan(golden))
        let prepared = try chain(scan, name: name)
        let ones = Volume(voxels: scan.channels[0].map { _ in 1 }, size: scan.size, affine: scan.affine)
        let labels = try chain.labels(ones, for: prepared, name: name)
        #expect(labels.size == prepared.image.size && labels.affine == prepared.image.affine)
        // In an image of ones, everything that is not padding is 1.
        #expect(Set(labels.voxels).isSubset(of: [0, 1]) && labels.voxels.contains(1))
    }

    /// Numbers of any size leave an axis unchanged or use all of it, as in MONAI.
    @Test(arguments: [
        #"[{"_target_": "CenterScaleCrop", "roi_scale": 1e30}]"#,
        #"[{"_target_": "SpatialPad", "spatial_size": -9223372036854775808}]"#,
        #"[{"_target_": "CenterSpatialCrop", "roi_size": [-9223372036854775808, 8192, 0]}]"#,
        #"[{"_target_": "DivisiblePad", "k": [-9223372036854775808, 0, -1]}]"#,
    ])
    func extremeExtentsLeaveTheScan(_ text: String) throws {
        let golden = try #require(Self.golden)
        let value = try ConfigValue(json: Data(text.utf8), from: "model.json")
        let scan = try Self.scan(golden)
        let prepared = try Self.description(preprocessing: value).preprocessing(scan, name: "scan")
        #expect(prepared.image.size == scan.size && prepared.image.channels == scan.channels)
    }

    @Test(arguments: [
        (#"[{"_target_": "Spacing", "pixdim": [1, 1, 1], "mode": 3}]"#, "preprocessing.0.mode"),
        (#"[{"_target_": "Spacing", "pixdim": [1, 1, 1], "padding_mode": "wrap"}]"#, "preprocessing.0.padding_mode"),
        (#"[{"_target_": "Resize", "spatial_size": [4, 4, 4]}]"#, "preprocessing.0.mode"),
        (#"[{"_target_": "Resize", "spatial_size": 4, "mode": "nearest"}]"#, "preprocessing.0.spatial_size"),
        (
            #"[{"_target_": "Resize", "spatial_size": [4, 4, 4], "mode": "nearest", "align_corners": true}]"#,
            "preprocessing.0.align_corners"
        ),
        (
            #"[{"_target_": "Resize", "spatial_size": [4, 4, 4], "mode": "trilinear", "anti_aliasing": true}]"#,
            "preprocessing.0.anti_aliasing"
        ),
        (#"[{"_target_": "Spacing", "pixdim": [1, 1, 1], "diagonal": true}]"#, "preprocessing.0.diagonal"),
        (#"[{"_target_": "Spacing"}]"#, "preprocessing.0.pixdim"),
        (#"[{"_target_": "Orientation"}]"#, "preprocessing.0.axcodes"),
        (#"[{"_target_": "Zoom", "zoom": 2}]"#, "'Zoom'"),
        (#"[{"_target_": "Spacing", "pixdim": [1, 1, 1], "dtype": "float16"}]"#, "preprocessing.0.dtype"),
        (#"[{"_target_": "Lambda", "func": "$lambda x: x + 1"}]"#, "preprocessing.0.func"),
        (#"[{"_target_": "ScaleIntensity", "factor": 2}]"#, "preprocessing.0.factor"),
        (#"[{"_target_": "ScaleIntensity", "maxv": null}]"#, "preprocessing.0.maxv"),
        (#"[{"_target_": "NormalizeIntensity", "subtrahend": [1, 2]}]"#, "preprocessing.0.channel_wise"),
        (#"[{"_target_": "NormalizeIntensity", "nonzeros": true}]"#, "did you mean 'nonzero'"),
        (#"[{"_target_": "CropForeground", "margin": -1}]"#, "preprocessing.0.margin"),
        (#"[{"_target_": "SpatialPad", "spatial_size": 9, "mode": "reflect"}]"#, "preprocessing.0.mode"),
        (#"[{"_target_": "DivisiblePad", "k": [1, 2]}]"#, "preprocessing.0.k"),
        (#"[{"_target_": "CenterScaleCrop", "roi_scale": [1, 0, 1]}]"#, "preprocessing.0.roi_scale"),
        (
            #"[{"_target_": "ScaleIntensityRangePercentiles", "lower": -1, "upper": 9, "b_min": 0, "b_max": 1}]"#,
            "lower"
        ),
        (#"[7]"#, "preprocessing.0"),
    ])
    func whatIsNotDoneIsRefusedByName(_ text: String, _ named: String) throws {
        let value = try ConfigValue(json: Data(text.utf8), from: "model.json")
        let error = try #require(throws: DataError.self) { try Self.description(preprocessing: value) }
        #expect(error.description.contains(named), "\(error)")
    }
}
