internal import Foundation

/// The size and intensity of one label of a label map over its scan.
public struct LabelStatistics: Hashable, Sendable {
    /// The label.
    public let label: UInt8
    /// The number of voxels of the label.
    public let voxels: Int
    /// The volume of the label in ml.
    public let volumeML: Double
    /// The mean intensity in the scan's unit, HU for CT; nil if the label has no voxels.
    public let meanIntensity: Double?

    /// Measures labels 1 to `classes` − 1 of a map on a scan's grid.
    public static func measure(_ labels: [UInt8], classes: Int, on scan: Volume) -> [LabelStatistics] {
        precondition(labels.count == scan.voxels.count, "the label map is not on the scan's grid")
        var counts = [Int](repeating: 0, count: 256)
        var sums = [Double](repeating: 0, count: 256)
        for (label, value) in zip(labels, scan.voxels) where label > 0 {
            counts[Int(label)] += 1
            sums[Int(label)] += Double(value)
        }
        return (1..<max(classes, 1)).map { label in
            LabelStatistics(
                label: UInt8(label), voxels: counts[label],
                volumeML: rounded(Double(counts[label]) * scan.voxelVolumeML),
                meanIntensity: counts[label] > 0 ? sums[label] / Double(counts[label]) : nil)
        }
    }

    /// The volume rounded to 1e-6 ml from 1 ml on, and to six significant digits below.
    private static func rounded(_ volume: Double) -> Double {
        volume >= 1 || volume == 0 ? (volume * 1e6).rounded() / 1e6 : Double(String(format: "%.6g", volume)) ?? volume
    }
}

extension Volume {
    /// The volume of one voxel in ml.
    public var voxelVolumeML: Double { affine.voxelVolumeML }
}

extension Affine {
    /// The volume of one voxel in ml, from the determinant; right for sheared grids too.
    public var voxelVolumeML: Double {
        let determinant =
            self[0, 0] * (self[1, 1] * self[2, 2] - self[1, 2] * self[2, 1])
            - self[0, 1] * (self[1, 0] * self[2, 2] - self[1, 2] * self[2, 0])
            + self[0, 2] * (self[1, 0] * self[2, 1] - self[1, 1] * self[2, 0])
        return abs(determinant) / 1000
    }
}
