public import SegCore

/// A step that changes a label map as MONAI's or nnU-Net's of that name does; label 0 is the background.
///
/// `PostProcessing` is what MedSeg offers by itself; these are for models that ask for others'.
public enum MaskStep: Hashable, Sendable {
    /// Labels that the step looks at; nil for all that occur.
    public typealias Labels = [UInt8]?

    /// Keeps the largest pieces, so many of each label or of all labels taken together; `KeepLargestConnectedComponent`.
    case keepLargest(Labels, independent: Bool, connectivity: Connectivity, count: Int)
    /// Keeps the largest piece of some labels taken together, and every piece of its size; nnU-Net's
    /// `remove_all_but_largest_component_from_segmentation`. Pieces touch by corners too.
    case keepAllLargest([UInt8])
    /// Fills what a label encloses, other labels too; the outside spreads over the connectivity. `FillHoles`.
    case fillHoles(Labels, connectivity: Connectivity)
    /// Removes pieces below a number of voxels; `RemoveSmallObjects`.
    ///
    /// As in MONAI, pieces are told apart in a map of one label alone; where there are several, each label counts as one
    /// piece, unless `independent` is false.
    case removeSmall(below: Int, independent: Bool, connectivity: Connectivity)
    /// Keeps some labels; `LabelFilter`.
    case keepLabels([UInt8])

    /// Changes a label map in place.
    /// - Parameter size: Its extents, in `Volume`'s order.
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

    /// The labels of a map but 0, in rising order.
    private static func labels(in mask: [UInt8]) -> [UInt8] {
        var occurs = [Bool](repeating: false, count: 256)
        for label in mask { occurs[Int(label)] = true }
        return (1...255).filter { occurs[$0] }.map { UInt8($0) }
    }

    /// Drops the pieces of some labels that `keeps` does not choose by their sizes.
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

    /// Of equal pieces the later one counts as the larger, as NumPy's sort of MONAI leaves them.
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
        // MONAI leaves a map of one value as it is.
        guard let first = labels.first, labels.count > 1 || mask.contains(0) else { return }
        guard independent, labels.count > 1 || first > 1 else {
            return sift(&mask, labels, size, connectivity) { sizes in sizes.map { $0 >= least } }
        }
        var counts = [Int](repeating: 0, count: 256)
        for label in mask { counts[Int(label)] += 1 }
        for voxel in mask.indices where counts[Int(mask[voxel])] < least { mask[voxel] = 0 }
    }

    /// All that the outside does not reach without crossing a label takes the label.
    private static func fill(_ mask: inout [UInt8], _ label: UInt8, _ size: Triple, _ connectivity: Connectivity) {
        let others = Components(size: size, connectivity: connectivity) { mask[$0] != label }
        let isOpen = others.reachRim(of: size)
        for (voxel, number) in others.numbers.enumerated() where number > 0 && !isOpen[Int(number)] {
            mask[voxel] = label
        }
    }
}
