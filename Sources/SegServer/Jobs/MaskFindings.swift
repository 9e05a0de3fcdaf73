internal import SegImaging

/// Voxels and intensities of each label of a mask, in one pass.
struct MaskFindings {
    private var counts: [Int]
    private var sums: [Double]
    private var squares: [Double]

    init(mask: [UInt8], scan: Volume, classes: Int) {
        counts = [Int](repeating: 0, count: 256)
        sums = [Double](repeating: 0, count: 256)
        squares = sums
        for (label, voxel) in zip(mask, scan.voxels) where label > 0 {
            let value = Double(voxel)
            counts[Int(label)] += 1
            sums[Int(label)] += value
            squares[Int(label)] += value * value
        }
    }

    /// The findings of a model's labels; `voxel` is a voxel's volume in mm³.
    func labels(of model: ModelEntry, voxel: Double) -> [JobReport.Label] {
        model.labels.map { number, name in
            let count = counts[number]
            let mean = count > 0 ? sums[number] / Double(count) : nil
            let deviation = mean.map { max(0, squares[number] / Double(count) - $0 * $0).squareRoot() }
            return JobReport.Label(
                label: number, name: name, voxels: count, volumeML: Double(count) * voxel / 1000,
                meanIntensity: mean, standardDeviation: deviation)
        }
    }
}
