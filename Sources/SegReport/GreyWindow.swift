public import SegImaging

/// The window of intensities that a figure shows from black to white.
public enum GreyWindow {
    /// The window for soft tissue in HU.
    public static let softTissue: ClosedRange<Float> = -160...240
    /// The threshold for air in HU; every CT contains air, which is darker than this.
    private static let air: Float = -500

    /// A suitable window for a scan: soft tissue for a CT, else the intensities from the 0.5th to the 99.5th
    /// percentile.
    public static func suiting(_ scan: Volume) -> ClosedRange<Float> {
        // About 100 000 voxels at equal distances in memory are enough.
        let step = max(1, scan.voxels.count / 100_003)
        let sample = stride(from: 0, to: scan.voxels.count, by: step).map { scan.voxels[$0] }.filter(\.isFinite)
            .sorted()
        guard let low = sample.first, let high = sample.last, low > air, high > low else { return softTissue }
        var ends = [0.005, 0.995].map { sample[Int(($0 * Double(sample.count - 1)).rounded())] }
        if ends[0] >= ends[1] { ends = [low, high] }
        // The bounds are rounded to integers if the loss is negligible.
        if ends[1] - ends[0] > 20 { ends = [ends[0].rounded(.down), ends[1].rounded(.up)] }
        return ends[0]...ends[1]
    }
}
