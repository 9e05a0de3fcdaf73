public import SegCore

/// A step that changes a label map as the MONAI or nnU-Net function named at its case does; label 0 is the background.
///
/// `PostProcessing` is MedSeg's own post-processing; these steps are for models that specify MONAI's or nnU-Net's.
public enum MaskStep: Hashable, Sendable {
    /// The labels to which the step applies; nil for all that occur.
    public typealias Labels = [UInt8]?

    /// Keeps the `count` largest connected components of each label, or of all labels together;
    /// `KeepLargestConnectedComponent`.
    case keepLargest(Labels, independent: Bool, connectivity: Connectivity, count: Int)
    /// Keeps the largest connected component of some labels taken together, and every component of the same size;
    /// nnU-Net's `remove_all_but_largest_component_from_segmentation`. Components may connect at corners.
    case keepAllLargest([UInt8])
    /// Sets every voxel that a label encloses to this label, also voxels of other labels; `FillHoles`.
    ///
    /// A voxel is enclosed if every path from the voxel to the volume's border crosses the label. The connectivity says
    /// which voxels are neighbours on a path.
    case fillHoles(Labels, connectivity: Connectivity)
    /// Removes connected components below a number of voxels; `RemoveSmallObjects`.
    ///
    /// As in MONAI, components are separated only in a map whose single label is 1, or if `independent` is false.
    /// Otherwise all voxels of a label count as one component.
    case removeSmall(below: Int, independent: Bool, connectivity: Connectivity)
    /// Keeps the given labels only; `LabelFilter`.
    case keepLabels([UInt8])

    /// Changes a label map in place.
    /// - Parameter size: The size of the map, in `Volume`'s order.
    public func apply(to mask: inout [UInt8], size: Triple) {
        precondition(mask.count == size.count, "the label map is not \(size) voxels")
        switch self {
        case .keepLargest(let labels, let independent, let connectivity, let count):
            let labels = labels ?? Self.labels(in: mask)
            for group in independent ? labels.map({ [$0] }) : [labels] {
                Self.sift(&mask, Set(group), size, connectivity) { sizes in Self.largest(count, of: sizes) }
            }
        case .keepAllLargest(let labels):
            Self.sift(&mask, Set(labels), size, .corners) { sizes in sizes.map { $0 == sizes.max() } }
        case .fillHoles(let labels, let connectivity):
            for label in labels ?? Self.labels(in: mask) where label > 0 {
                Self.fill(&mask, label, size, connectivity)
            }
        case .removeSmall(let least, let independent, let connectivity):
            Self.removeSmall(&mask, least, independent, size, connectivity)
        case .keepLabels(let labels):
            let kept = Set(labels)
            for voxel in mask.indices where !kept.contains(mask[voxel]) { mask[voxel] = 0 }
        }
    }

    /// The labels of a map except 0, in ascending order.
    private static func labels(in mask: [UInt8]) -> [UInt8] {
        var occurs = [Bool](repeating: false, count: 256)
        for label in mask { occurs[Int(label)] = true }
        return (1...255).filter { occurs[$0] }.map { UInt8($0) }
    }

    /// Removes connected components of the union of some labels. `keeps` gets the components' sizes and returns which
    /// stay.
    private static func sift(
        _ mask: inout [UInt8], _ labels: Set<UInt8>, _ size: Triple, _ connectivity: Connectivity,
        keeps: ([Int]) -> [Bool]
    ) {
        let pieces = Components(size: size, connectivity: connectivity) { labels.contains(mask[$0]) }
        let kept = keeps(pieces.sizes)
        for (voxel, number) in pieces.numbers.enumerated() where number > 0 && !kept[Int(number) - 1] {
            mask[voxel] = 0
        }
    }

    /// Whether each component is among the `count` largest. Of two components of the same size, the one with the higher
    /// number counts as larger, as in MONAI, which sorts the sizes with NumPy.
    static func largest(_ count: Int, of sizes: [Int]) -> [Bool] {
        let order = sizes.indices.sorted { (sizes[$0], $0) > (sizes[$1], $1) }
        var kept = [Bool](repeating: false, count: sizes.count)
        for piece in order.prefix(count) { kept[piece] = true }
        return kept
    }

    private static func removeSmall(
        _ mask: inout [UInt8], _ least: Int, _ independent: Bool, _ size: Triple, _ connectivity: Connectivity
    ) {
        let labels = Set(Self.labels(in: mask))
        // MONAI leaves a map with a single value unchanged.
        guard let first = labels.first, labels.count > 1 || mask.contains(0) else { return }
        guard independent, labels.count > 1 || first > 1 else {
            return sift(&mask, labels, size, connectivity) { sizes in sizes.map { $0 >= least } }
        }
        var counts = [Int](repeating: 0, count: 256)
        for label in mask { counts[Int(label)] += 1 }
        for voxel in mask.indices where counts[Int(mask[voxel])] < least { mask[voxel] = 0 }
    }

    /// Sets the label in all voxels from which every path to the volume's border crosses the label.
    private static func fill(_ mask: inout [UInt8], _ label: UInt8, _ size: Triple, _ connectivity: Connectivity) {
        let others = Components(size: size, connectivity: connectivity) { mask[$0] != label }
        let isOpen = others.reachRim(of: size)
        for (voxel, number) in others.numbers.enumerated() where number > 0 && !isOpen[Int(number)] {
            mask[voxel] = label
        }
    }
}
