import Foundation
import SegCPU
import SegImaging
import SegInference
import Testing

/// Weights and masks beside the package, which a checkout may lack.
enum Shared {
    static let folder: String = {
        if let named = ProcessInfo.processInfo.environment["MEDSEG_SHARED"] { return named }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.deletingLastPathComponent().appendingPathComponent("shared").standardizedFileURL.path
    }()

    static var isThere: Bool { FileManager.default.fileExists(atPath: weights("monai_unet_small.safetensors")) }

    static func weights(_ name: String) -> String { folder + "/weights/" + name }
}

/// MONAI's own masks of real CTs, from the same weights.
@Test(
    .enabled(if: Shared.isThere, "shared/weights is not beside the package"),
    arguments: ["msd_spleen2_crop", "torso_3mm"])
func predictsTheMaskThatMONAIPredicts(_ name: String) throws {
    let predictor = try Predictor(
        weights: Shared.weights("monai_unet_small.safetensors"),
        description: ModelDescription(file: Shared.weights("monai_unet_small.json")), on: CPUBackend(threads: nil))
    let path = Shared.folder + "/data/ct_spleen/\(name)/ct.nii.gz"
    let (scan, geometry) = try ScanFile.readVolume(path)
    let mask = try predictor.predict(scan, name: path) { _, _ in }.mask()
    let written = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).nii.gz").path
    defer { try? FileManager.default.removeItem(atPath: written) }
    try ScanFile.write(mask, size: scan.size, like: geometry, to: written, overwrite: false)

    let ours = try ScanFile.readVolume(written).volume
    let expected = try ScanFile.readVolume(Shared.weights("expected/\(name)_mask.nii.gz")).volume
    #expect(ours.size == expected.size)
    #expect(diceOverlap(ours.voxels.map { UInt8($0) }, expected.voxels.map { UInt8($0) }) >= 0.999)
    for (a, b) in zip(ours.affine.elements, expected.affine.elements) { #expect(abs(a - b) <= 1e-6) }
}
