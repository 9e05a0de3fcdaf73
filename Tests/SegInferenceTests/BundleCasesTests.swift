import Foundation
import SegCPU
import SegCore
import SegImaging
import SegInference
import SegModels
import Testing

/// Bundles with masks that MONAI wrote, which a checkout may lack.
private enum Cases {
    static let bundles = Shared.folder + "/bundles"

    /// The cases with a JSON configuration.
    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: bundles)) ?? []).sorted()
        .filter { FileManager.default.fileExists(atPath: configuration("\(bundles)/\($0)/bundle")) }

    /// The voxels of a file of three axes and perhaps one of channels, in the order of `mask`.
    static func places(of shape: [Int]) -> [[Int]] {
        let channels = shape.count > 3 ? (0..<shape[3]).map { [$0] } : [[]]
        return channels.flatMap { channel in
            (0..<shape[0]).flatMap { i in
                (0..<shape[1]).flatMap { j in (0..<shape[2]).map { k in [i, j, k] + channel } }
            }
        }
    }

    static func configuration(_ folder: String) -> String { folder + "/configs/inference.json" }

    /// The class of every voxel; for regions one map after another.
    static func mask(_ folder: String, of scans: [String]) throws -> [UInt8] {
        let file = configuration(folder)
        let bundle = try MONAIBundle(
            folder: folder, inference: ConfigValue(jsonFile: file), source: file, metadata: nil)
        let predictor = try Predictor(
            weights: bundle.weights, bundle.choice, description: bundle.description, on: CPUBackend(threads: 1))
        let image = try ScanImage(scans.map { try ScanFile.readVolume($0).volume }, names: scans) { _, _ in }
        return try Segmenter(Ensemble([predictor]), uncertainty: nil)(image, name: scans[0]) { _, _ in }.maps
            .flatMap(\.self)
    }
}

/// The bundles that are understood; every other one is refused with its name.
private let understood = [
    "brats", "crop_margin", "largest_component", "no_invert", "nonzero_strings", "spleen_2022", "spleen_2024",
    "trap_axis_order",
    "trap_disabled_text", "trap_nearest_default", "trap_other_checkpoint", "trap_threshold", "trap_two_states",
    "whole_body",
]

@Test(.enabled(if: !Cases.names.isEmpty, "the shared bundles are not here"), arguments: Cases.names)
func bundlesGiveTheMaskThatMONAIGivesOrAReason(_ name: String) throws {
    let root = "\(Cases.bundles)/\(name)"
    let scans = try FileManager.default.contentsOfDirectory(atPath: root + "/input").sorted().map {
        "\(root)/input/\($0)"
    }
    guard understood.contains(name) else {
        let error = #expect(throws: DataError.self) { try Cases.mask(root + "/bundle", of: scans) }
        #expect(error?.key != nil && error?.subject.hasSuffix("inference.json") == true, "\(error?.description ?? "")")
        return
    }
    let mask = try Cases.mask(root + "/bundle", of: scans)
    let expected = try ScanFile.read(root + "/expected.nii.gz")
    try #require(mask.count == expected.count)
    let wrong = Cases.places(of: expected.shape).enumerated().count { expected.value(at: $1) != Double(mask[$0]) }
    #expect(wrong <= 3)
}

@Test(.enabled(if: !Cases.names.isEmpty, "the shared cases are not here"))
func aBundleThatLoadsUnderAFlagGivesMONAIsMask() throws {
    let cases = Shared.folder + "/cases"
    let mask = try Cases.mask(cases + "/bundle_load_pretrain", of: [cases + "/odd_geometry/tiny.nii.gz"])
    #expect(mask.count == 5 * 7 * 9 && mask.count { $0 > 0 } == 315)
}

@Test(
    .enabled(if: !Cases.names.isEmpty, "the shared bundles are not here"), arguments: ["bundle_bomb", "bundle_chain"])
func hostileBundlesAreRefusedAtOnce(_ name: String) throws {
    let folder = "\(Shared.folder)/hostile/\(name)"
    let error = #expect(throws: DataError.self) { try Cases.mask(folder, of: ["none"]) }
    #expect(error?.kind == .badData, "\(error?.description ?? "")")
}
