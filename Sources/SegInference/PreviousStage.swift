internal import Foundation
internal import SegCore
internal import SegImaging

/// The source of the mask that a cascade's second stage refines.
public enum PreviousStage {
    /// A model that segments the scan first.
    case model(Predictor)
    /// A folder with the masks of the scans, `CASE.nii.gz` for the scan `CASE_0000.nii.gz`.
    case masks(folder: String)

    /// The mask of a scan, on its grid.
    /// - Throws: `DataError` if the mask is missing or is not on the scan's grid; errors of the model.
    func mask(
        of scan: ScanImage, name: String, _ budget: MemoryBudget, progress: (Int, Int) throws -> Void
    ) throws -> Volume {
        switch self {
        case .model(let predictor):
            let mask = try predictor.mask(of: scan, name: name, budget, cleans: false, progress: progress)
            return Volume(voxels: mask.maps[0].map { Float($0) }, size: mask.size, affine: scan.affine)
        case .masks(let folder):
            let mask = try ScanFile.readVolume(Self.file(of: name, in: folder)).volume
            guard mask.size == scan.size else {
                throw DataError(
                    .badData, name, "has \(scan.size) voxels, but its mask in \(folder) has \(mask.size)")
            }
            // The mask has the scan's affine; the affine in its own header is ignored.
            return Volume(voxels: mask.voxels, size: scan.size, affine: scan.affine)
        }
    }

    private static func file(of name: String, in folder: String) throws -> String {
        let stem = ScanFile.stem(of: name)
        let stems = [stem, stem.hasSuffix("_0000") ? String(stem.dropLast(5)) : stem]
        let names = stems.flatMap { stem in ScanFile.singleFileEndings.map { "\(folder)/\(stem)\($0)" } }
        guard let file = names.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw DataError(.noInput, "\(folder)/\(stems[1]).nii.gz", "is missing; it should be the mask of \(name)")
        }
        return file
    }
}
