internal import Foundation
internal import SegCore
internal import SegImaging
internal import SegInference

/// Scans: read, described, prepared for a network, restored to their grid, and written.
enum ScanInput {
    /// A NIfTI as one file.
    static func single(_ input: [UInt8], _ folder: FuzzFolder) throws {
        try use(folder.write(input, as: "scan.nii"), folder)
    }

    /// A header of 352 bytes followed by the voxels, written as two files.
    static func pair(_ input: [UInt8], _ folder: FuzzFolder) throws {
        _ = try folder.write(input.prefix(352), as: "scan.hdr")
        try use(folder.write(input.dropFirst(352), as: "scan.img"), folder)
    }

    /// The bytes of a gzip stream.
    static func compressed(_ input: [UInt8], _ folder: FuzzFolder) throws {
        try use(folder.write(input, as: "scan.nii.gz"), folder)
    }

    /// An NRRD as one file. If its header names another file, the same bytes are its voxels.
    static func nrrd(_ input: [UInt8], _ folder: FuzzFolder) throws {
        _ = try folder.write(input, as: "voxels.raw")
        try use(folder.write(input, as: "scan.nrrd"), folder)
    }

    /// A MetaImage as one file, with the same rule.
    static func metaImage(_ input: [UInt8], _ folder: FuzzFolder) throws {
        _ = try folder.write(input, as: "voxels.raw")
        try use(folder.write(input, as: "scan.mha"), folder)
    }

    /// The maximum number of voxels of a scan, and of a grid, in this harness.
    private static let mostVoxels = 1 << 16

    private static func use(_ path: String, _ folder: FuzzFolder) throws {
        if let info = try unlessRefused({ try ScanFile.inspect(path) }) {
            try insist(!info.description.isEmpty, "a scan is described by nothing")
            _ = try JSONEncoder().encode(info)
        }
        guard let (scan, geometry) = try unlessRefused({ try ScanFile.readVolume(path) }) else { return }
        try work(on: scan, geometry, folder)
    }

    /// Measures a scan, prepares it and writes a mask of it.
    static func work(on scan: Volume, _ geometry: ScanGeometry, _ folder: FuzzFolder) throws {
        try insist(scan.voxels.count == scan.size.count, "\(scan.voxels.count) voxels are said to be \(scan.size)")
        guard scan.size.count <= mostVoxels else { return }
        // The server does not measure scans with NaN or infinite voxels.
        if scan.nonFiniteCount == 0 { _ = try JSONEncoder().encode(ScanFacts(scan, geometry: geometry)) }
        try prepare(scan)
        try writeMask(on: scan, geometry, folder)
    }

    /// Tests orientation, a spacing of 2 mm and a crop, and the restoration of a mask.
    private static func prepare(_ scan: Volume) throws {
        guard let isLarge = isLarge(scan) else { return }
        let preparing = try Preprocessing(
            orientation: "RAS", pixdim: [2, 2, 2], intensity: nil, cropForeground: true)
        guard let prepared = try unlessRefused({ try preparing(scan, name: "scan") }) else { return }
        try insist(!isLarge, "a grid beyond \(Limits.gridAxis) voxels along an axis was made")
        let mask = [UInt8](repeating: 1, count: prepared.image.size.count)
        let back = prepared.record.restoreLabels(mask)
        try insist(back.count == scan.size.count, "a mask of \(scan.size) came back with \(back.count) voxels")
    }

    /// Whether an axis of the scan would be longer at 2 mm than any grid may be; nil if the grid could be too large for
    /// this harness although it is allowed.
    private static func isLarge(_ scan: Volume) -> Bool? {
        let extents = (0..<3).map { Double(scan.size[$0] - 1) * scan.spacing[$0] / 2 + 1 }
        // The edges of a sheared voxel add up along an axis.
        let most = extents.reduce(0, +)
        if most * most * most <= Double(mostVoxels) { return false }
        return extents.contains { $0 > 2 * Double(Limits.gridAxis) } ? true : nil
    }

    private static func writeMask(on scan: Volume, _ geometry: ScanGeometry, _ folder: FuzzFolder) throws {
        let mask = [UInt8](repeating: 1, count: scan.size.count)
        for name in ["mask.nii", "mask.nrrd", "mask.mha"] {
            let path = folder.file(name)
            let isWritten = try isDone {
                try ScanFile.write(mask, size: scan.size, like: geometry, to: path, overwrite: true)
            }
            guard isWritten else { continue }
            let again = try takingBack("a mask") { try ScanFile.readVolume(path).volume }
            try insist(again.size == scan.size, "a mask of \(scan.size) became one of \(again.size)")
            try insist(again.voxels.allSatisfy { $0 == 1 }, "a mask's voxels changed")
        }
        let path = folder.file("placed.nii")
        let isPlaced = try isDone {
            try ScanFile.write(mask, size: scan.size, affine: scan.affine, to: path, overwrite: true)
        }
        if isPlaced { _ = try takingBack("a mask with an affine") { try ScanFile.readVolume(path) } }
    }
}
