internal import SegCore
package import SegImaging

/// What a page, a program or a check must know of a scan before it sees a voxel. Nothing of it names a patient.
package struct ScanFacts: Codable, Hashable, Sendable {
    /// Extents of the stored axes.
    package var size: [Int]
    /// Voxel edges in mm along them.
    package var spacing: [Double]
    /// Voxel index → RAS+ mm, by rows.
    package var affine: [[Double]]
    /// Axis codes, such as `LPS`.
    package var orientation: String
    /// Largest angle between a voxel axis and its world axis.
    package var obliqueDegrees: Double
    /// Whether the file says how the scan lies in the patient, a NIfTI by qform or sform.
    package var isPlaced: Bool
    /// What was repaired or converted in the header on reading, a sentence each; nil where nothing was.
    package var remarks: [String]?
    /// How the voxels are served: `int16` or `float32`.
    package var voxelType: VoxelType
    /// Smallest intensity.
    package var minimum: Double
    /// Largest intensity.
    package var maximum: Double
    /// Intensities that 0.5, 50 and 99.5 per cent of the voxels do not exceed.
    package var percentiles: [Double]

    package enum VoxelType: String, Codable, Sendable { case int16, float32 }

    package enum CodingKeys: String, CodingKey {
        case size, spacing, affine, orientation, remarks
        case obliqueDegrees = "oblique_deg"
        case isPlaced = "placed"
        case voxelType = "voxel_type"
        case minimum = "min"
        case maximum = "max"
        case percentiles
    }
}

extension ScanFacts {
    /// Measures a scan.
    ///
    /// Voxels that are not finite make percentiles that mean nothing.
    package init(_ scan: Volume, geometry: ScanGeometry) {
        size = [scan.size.d, scan.size.h, scan.size.w]
        spacing = scan.spacing
        affine = (0..<4).map { row in (0..<4).map { scan.affine[row, $0] } }
        orientation = scan.affine.axisCodes
        obliqueDegrees = (scan.affine.obliqueDegrees * 100).rounded() / 100
        isPlaced = geometry.isPlaced
        remarks = geometry.remarks.isEmpty ? nil : geometry.remarks
        var (low, high) = (Float.infinity, -Float.infinity)
        var isWhole = true
        for voxel in scan.voxels {
            low = min(low, voxel)
            high = max(high, voxel)
            isWhole = isWhole && voxel == voxel.rounded(.towardZero)
        }
        (minimum, maximum) = (Double(low), Double(high))
        voxelType = isWhole && low >= Float(Int16.min) && high <= Float(Int16.max) ? .int16 : .float32
        percentiles = Self.percentiles(of: scan.voxels)
    }

    /// Sampled where the scan is large; for a window's first position that is exact enough.
    private static func percentiles(of voxels: [Float]) -> [Double] {
        // A stride without small factors does not fall into step with the rows.
        let step = max(1, voxels.count / 100_003)
        let sample = stride(from: 0, to: voxels.count, by: step).map { voxels[$0] }.sorted()
        return [0.005, 0.5, 0.995].map { Double(sample[Int($0 * Double(sample.count - 1))]) }
    }
}
