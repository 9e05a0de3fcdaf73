public import SegImaging

/// Which intensities a picture shows from black to white.
public enum GreyWindow {
    /// Soft tissue in HU.
    public static let softTissue: ClosedRange<Float> = -160...240
    /// Every CT holds air, which is darker than this.
    private static let air: Float = -500

    /// The window that suits a scan: soft tissue for a CT, else from the intensity that 0.5 per cent of the voxels do not
    /// exceed to the one that 99.5 per cent do not.
    public static func suiting(_ scan: Volume) -> ClosedRange<Float> {
        // A stride without small factors does not fall into step with the rows.
        let step = max(1, scan.voxels.count / 100_003)
        let sample = stride(from: 0, to: scan.voxels.count, by: step).map { scan.voxels[$0] }.filter(\.isFinite)
            .sorted()
        guard let low = sample.first, let high = sample.last, low > air, high > low else { return softTissue }
        var ends = [0.005, 0.995].map { sample[Int(($0 * Double(sample.count - 1)).rounded())] }
        if ends[0] >= ends[1] { ends = [low, high] }
        // Whole numbers read better where nothing is lost by them.
        if ends[1] - ends[0] > 20 { ends = [ends[0].rounded(.down), ends[1].rounded(.up)] }
        return ends[0]...ends[1]
    }
}
