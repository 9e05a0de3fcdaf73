internal import SegCore
package import SegImaging

/// The facts about a scan that a page, a program or a check needs before it reads voxels. They do not identify a patient.
package struct ScanFacts: Codable, Hashable, Sendable {
    /// The size along the stored axes.
    package var size: [Int]
    /// The voxel spacing in mm along the stored axes.
    package var spacing: [Double]
    /// Voxel index → RAS+ mm, by rows.
    package var affine: [[Double]]
    /// Axis codes, such as `LPS`.
    package var orientation: String
    /// The largest angle between a voxel axis and its world axis, in degrees.
    package var obliqueDegrees: Double
    /// Whether the file gives the scan's orientation in the patient; in a NIfTI, the qform or sform gives it.
    package var isPlaced: Bool
    /// The repairs and conversions of the header on reading, one sentence each; nil if there were none.
    package var remarks: [String]?
    /// The type in which the voxels are served: `int16` or `float32`.
    package var voxelType: VoxelType
    /// Smallest intensity.
    package var minimum: Double
    /// Largest intensity.
    package var maximum: Double
    /// The percentiles 0.5, 50 and 99.5 of the intensities.
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
    /// If some voxels are not finite, the percentiles are meaningless.
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

    /// The percentiles, from a sample of the voxels if the scan is large; this is accurate enough to preset a display window.
    private static func percentiles(of voxels: [Float]) -> [Double] {
        // The divisor is a prime, so the stride is unlikely to be a multiple of the row length.
        let step = max(1, voxels.count / 100_003)
        let sample = stride(from: 0, to: voxels.count, by: step).map { voxels[$0] }.sorted()
        return [0.005, 0.5, 0.995].map { Double(sample[Int($0 * Double(sample.count - 1))]) }
    }
}
