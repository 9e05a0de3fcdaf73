/// Where patches of a volume may be centred: the foreground and background voxels, listed once.
///
/// MONAI's `RandCropByPosNegLabel`: a voxel of either list by the ratio pos / (pos + neg), then moved so that the patch
/// lies within the volume.
public struct CropSampler: Sendable {
    /// Extents of the volume.
    public let size: Size3
    /// Extents of a patch.
    public let patchSize: Size3
    /// Chance that a patch is centred on foreground, after what the volume lacks.
    public let positiveRatio: Double
    /// What forced the ratio, nil where both kinds of voxels exist; worth showing once a case.
    public let warning: String?
    private let foreground: [UInt32]
    private let background: [UInt32]

    /// How patches are to be drawn.
    public struct Options: Hashable, Sendable {
        /// Extents of a patch; 0 or less takes the volume's.
        public var patchSize: Size3
        /// Weight of foreground centres.
        public var positive: Double
        /// Weight of background centres.
        public var negative: Double
        /// Background voxels are those whose image is above this.
        public var imageThreshold: Float

        /// Takes patch extents, both weights and the threshold.
        public init(patchSize: Size3, positive: Double, negative: Double, imageThreshold: Float) {
            self.patchSize = patchSize
            self.positive = positive
            self.negative = negative
            self.imageThreshold = imageThreshold
        }
    }

    /// Lists the voxels of a label; `image` limits background to what is above the threshold.
    ///
    /// `name` is the case's, for errors.
    ///
    /// - Throws: `ImagingError` where the patch is larger than the volume, extents differ, the weights make no ratio or
    ///   no voxel qualifies.
    public init(label: Volume, image: Volume?, options: Options, name: String) throws(ImagingError) {
        guard options.positive >= 0, options.negative >= 0, options.positive + options.negative > 0 else {
            throw ImagingError(
                .badArgument, "crop weights",
                "pos \(options.positive) and neg \(options.negative) must be 0 or more and not both 0.")
        }
        if let image, image.size != label.size {
            throw ImagingError(
                .badData, name,
                "the label is \(label.size) voxels and the image \(image.size); they must be on one grid.")
        }
        size = label.size
        patchSize = try Self.fit(options.patchSize, in: label.size, name: name)
        (foreground, background) = Self.lists(label: label, image: image, threshold: options.imageThreshold)
        guard !foreground.isEmpty || !background.isEmpty else {
            throw ImagingError(
                .badData, name,
                "no voxel can centre a patch: "
                    + "the label is empty and no voxel of the image is above \(options.imageThreshold). "
                    + "Check the intensity window or leave the case out.")
        }
        let wanted = options.positive / (options.positive + options.negative)
        if foreground.isEmpty {
            (positiveRatio, warning) = (0, "\(name): the label has no foreground; all patches are background.")
        } else if background.isEmpty {
            (positiveRatio, warning) = (
                1, "\(name): no background voxel is above the threshold; all patches are foreground."
            )
        } else {
            (positiveRatio, warning) = (wanted, nil)
        }
    }

    /// Number of foreground voxels.
    public var foregroundCount: Int { foreground.count }
    /// Number of background voxels.
    public var backgroundCount: Int { background.count }

    private static func fit(_ patch: Size3, in size: Size3, name: String) throws(ImagingError) -> Size3 {
        var result = patch
        for axis in 0..<3 where patch[axis] <= 0 { result[axis] = size[axis] }
        guard (0..<3).allSatisfy({ result[$0] <= size[$0] }) else {
            throw ImagingError(
                .badData, name,
                "a patch of \(result) does not fit into the volume of \(size); "
                    + "pad the volume with SpatialPad or take smaller patches."
            )
        }
        guard size.count <= Int(UInt32.max) else {
            throw ImagingError(.badData, name, "a volume of \(size) is too large to draw patches from; crop it first.")
        }
        return result
    }

    private static func lists(label: Volume, image: Volume?, threshold: Float) -> ([UInt32], [UInt32]) {
        var (foreground, background): ([UInt32], [UInt32]) = ([], [])
        for (index, value) in label.voxels.enumerated() {
            // MONAI takes whatever is not 0 for foreground.
            if value != 0 {
                foreground.append(UInt32(index))
            } else if image.map({ $0.voxels[index] > threshold }) ?? true {
                background.append(UInt32(index))
            }
        }
        return (foreground, background)
    }

    /// The box of the next patch: `rand()` picks the list, `randint` the voxel.
    public func nextBox(_ random: inout NumPyRandomState) -> Box3 {
        let list = random.rand() < positiveRatio ? foreground : background
        let flat = Int(list[random.randint(list.count)])
        let centre = [flat / (size.j * size.k), flat / size.k % size.j, flat % size.k]
        let start = (0..<3).map { axis in
            let half = patchSize[axis] / 2
            // The last centre of an odd patch is one lower than its rest would allow; an empty range is widened.
            var end = size[axis] + 1 - (patchSize[axis] + 1) / 2
            if end == half { end += 1 }
            return min(max(centre[axis], half), end - 1) - half
        }
        return Box3(start: start, size: patchSize)
    }

    /// The next patch of an image and its label.
    public func nextPatch(image: Volume, label: Volume, _ random: inout NumPyRandomState) -> Patch {
        precondition(image.size == size && label.size == size, "the volumes are not the sampler's")
        let box = nextBox(&random)
        return Patch(
            image: image.cut(box, fill: 0).voxels, label: label.cut(box, fill: 0).voxels, size: patchSize)
    }
}
