public import SegCore

/// The post-processing of a predicted label map, for each label separately: remove small connected components, keep the
/// largest, fill holes.
///
/// The steps run in the order of the properties; a step that is off changes nothing.
public struct PostProcessing: Hashable, Sendable {
    /// The minimum volume in ml of a connected component of a label; smaller components become background. 0 keeps all.
    public var minimumVolumeML = 0.0
    /// Whether only the largest connected component of each label is kept;
    /// `monai.transforms.KeepLargestConnectedComponent`.
    public var keepsLargest = false
    /// The labels, or the channels of regions, to which `keepsLargest` applies; nil for all.
    public var largestOf: Set<UInt8>?
    /// Whether background enclosed by a label is set to the label: `scipy.ndimage.binary_fill_holes` of each label in
    /// turn.
    ///
    /// Other labels inside are kept, such as a tumour in its organ; `monai.transforms.FillHoles` would overwrite them.
    public var fillsHoles = false
    /// The connectivity of the voxels of a component; holes are always determined by faces, as in SciPy.
    public var connectivity = Connectivity.corners

    /// The voxels removed from a label.
    public struct Removal: Hashable, Sendable {
        /// The label.
        public let label: UInt8
        /// The number of voxels of the label before the removal.
        public let before: Int
        /// The number of voxels of the components that became background.
        public let removed: Int
        /// The number of components that became background.
        public let pieces: Int

        /// Whether nothing of the label is left.
        public var isWhole: Bool { removed == before }
        /// The fraction of the label's voxels that was removed.
        public var share: Double { Double(removed) / Double(before) }
    }

    /// Creates post-processing with all steps off.
    public init() {}

    /// Turns on keeping only the largest component of some labels, or of every label.
    public mutating func keepLargest(of labels: Set<UInt8>? = nil) { (keepsLargest, largestOf) = (true, labels) }

    /// The post-processing of the map of one region, which holds 0 and 1.
    public func ofRegion(_ channel: Int) -> PostProcessing {
        var steps = self
        steps.keepsLargest = keepsLargest && largestOf?.contains(UInt8(clamping: channel)) ?? true
        steps.largestOf = nil
        return steps
    }

    /// Whether no step is on.
    public var isEmpty: Bool { minimumVolumeML <= 0 && !keepsLargest && !fillsHoles }

    /// Checks that there is memory for a map, before anything is computed.
    /// - Throws: `DataError` of the kind `tooLarge`, naming the scan.
    public func checkRoom(for size: Triple, name: String) throws(DataError) {
        guard !isEmpty else { return }
        guard size.count < Int(Int32.max) else {
            throw DataError(
                .tooLarge, name,
                "has \(size) voxels; connected components are found in at most \(Int32.max - 1) voxels. "
                    + "Turn postprocessing off or cut the scan.")
        }
        // Two numbers of 32 bits per voxel.
        try FreeMemory.check(
            arrays: 8 * size.count, subject: name, for: "post-processing a mask of \(size) voxels",
            advice: "turn postprocessing off, cut the scan, or free memory")
    }

    /// Changes a label map in place; label 0 is the background.
    /// - Parameters:
    ///   - size: The size of the map, in `Volume`'s order.
    ///   - voxelVolumeML: The volume of one voxel.
    /// - Returns: The removals from each label; labels without a removal are left out.
    @discardableResult
    public func apply(to labels: inout [UInt8], size: Triple, voxelVolumeML: Double) -> [Removal] {
        precondition(labels.count == size.count, "the label map is not \(size) voxels")
        guard !isEmpty else { return [] }
        var removals: [Removal] = []
        var present = [Bool](repeating: false, count: 256)
        for label in labels { present[Int(label)] = true }
        for label in (1...255).map({ UInt8($0) }) where present[Int(label)] {
            let isOne = keepsLargest && largestOf?.contains(label) ?? true
            if minimumVolumeML > 0 || isOne {
                let removal = sift(&labels, label, size, voxelVolumeML, keepsLargest: isOne)
                if removal.removed > 0 { removals.append(removal) }
            }
            if fillsHoles { Self.fillHoles(of: label, in: &labels, size: size) }
        }
        return removals
    }

    /// Removes components that are too small, then all but the largest; of components of the same size the first is
    /// kept.
    private func sift(
        _ labels: inout [UInt8], _ label: UInt8, _ size: Triple, _ voxelVolumeML: Double, keepsLargest: Bool
    ) -> Removal {
        let pieces = Components(size: size, connectivity: connectivity) { labels[$0] == label }
        // A volume of exactly the minimum is kept, however the product is rounded.
        var kept = pieces.sizes.map { Double($0) * voxelVolumeML >= minimumVolumeML * (1 - 1e-9) }
        if keepsLargest {
            let largest = pieces.sizes.indices.max {
                (pieces.sizes[$0], $1) < (pieces.sizes[$1], $0)
            }
            for piece in kept.indices where piece != largest { kept[piece] = false }
        }
        for (voxel, number) in pieces.numbers.enumerated() where number > 0 && !kept[Int(number) - 1] {
            labels[voxel] = 0
        }
        let dropped = kept.indices.filter { !kept[$0] }
        return Removal(
            label: label, before: pieces.sizes.reduce(0, +), removed: dropped.reduce(0) { $0 + pieces.sizes[$1] },
            pieces: dropped.count)
    }

    /// Sets the label in every background voxel from which every path over faces to the volume's border crosses the
    /// label.
    private static func fillHoles(of label: UInt8, in labels: inout [UInt8], size: Triple) {
        let outside = Components(size: size, connectivity: .faces) { labels[$0] != label }
        let isOpen = outside.reachRim(of: size)
        for (voxel, number) in outside.numbers.enumerated()
        where number > 0 && !isOpen[Int(number)] && labels[voxel] == 0 {
            labels[voxel] = label
        }
    }
}

extension PostProcessing {
    /// Reads or writes the object `postprocessing`.
    package static func coded(_ own: PostProcessing?, by coder: ConfigCoder) throws -> PostProcessing {
        var steps = own ?? PostProcessing()
        let largest = Largest(isKept: steps.keepsLargest, labels: steps.largestOf)
        let kept = try coder.value("largest_component", largest, .largest)
        (steps.keepsLargest, steps.largestOf) = (kept.isKept, kept.labels)
        steps.fillsHoles = try coder.value("fill_holes", steps.fillsHoles, .bool)
        steps.minimumVolumeML = try coder.value("min_volume_ml", steps.minimumVolumeML, .amount)
        steps.connectivity = try coder.value("connectivity", steps.connectivity, .neighbours)
        return steps
    }

    /// The object with every default written out.
    package var value: ConfigValue { .object(ConfigCoder.entries(self, Self.coded)) }
}

extension ConfigForm<Connectivity> {
    /// The number of neighbours of a voxel: 6, 18 or 26.
    fileprivate static var neighbours: Self {
        Self(
            decode: { _, key, reader in
                let number = try reader.required(key, reader.int(key))
                guard let connectivity = Connectivity(rawValue: number) else {
                    throw reader.error(key, "should be 6, 18 or 26 neighbours, not \(number)")
                }
                return connectivity
            }, encode: { .int($0.rawValue) })
    }
}

/// Whether only the largest component of a label is kept, and for which labels; nil for all.
private struct Largest {
    var isKept: Bool
    var labels: Set<UInt8>?
}

extension ConfigForm<Largest> {
    /// A Boolean for all labels, or a list of label numbers.
    fileprivate static var largest: Self {
        Self(
            decode: { value, key, reader in
                if case .bool(let isKept) = value { return Largest(isKept: isKept, labels: nil) }
                guard case .array(let items) = value else {
                    throw reader.error(key, "should be true, false or a list of label numbers, not \(value)")
                }
                let labels = items.compactMap { $0.wholeNumber.flatMap(UInt8.init(exactly:)) }
                guard !labels.isEmpty, labels.count == items.count else {
                    throw reader.error(key, "should list label numbers from 0 to 255, not \(value)")
                }
                return Largest(isKept: true, labels: Set(labels))
            },
            encode: { largest in
                guard largest.isKept, let labels = largest.labels else { return .bool(largest.isKept) }
                return .array(labels.sorted().map { .int(Int($0)) })
            })
    }
}
