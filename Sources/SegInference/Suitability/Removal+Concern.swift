internal import SegCore
package import SegImaging

extension PostProcessing.Removal {
    /// The smallest share of a label that is more than a speck, such as the second of two kidneys or one of two lungs.
    private static let largeShare = 0.1

    /// The concern about a removal; nil if only specks were removed.
    /// - Parameters:
    ///   - name: The name of the label.
    ///   - voxelVolumeML: The volume of one voxel of the map.
    package func concern(name: String, voxelVolumeML: Double) -> Concern? {
        guard share >= Self.largeShare else { return nil }
        let volume = (Double(removed) * voxelVolumeML).text(decimals: 1)
        let count = pieces == 1 ? "1 connected component" : "\(pieces) connected components"
        let message =
            isWhole
            ? "Post-processing removed all that was found of \(name): \(volume) ml in \(count)."
            : "Post-processing removed \((100 * share).text(decimals: 0)) % of what was found of \(name): \(volume) ml in "
                + "\(count). If \(name) has several parts, turn off largest_component or min_volume_ml."
        return Concern(topic: "postprocessing", level: .warning, message: message)
    }
}
