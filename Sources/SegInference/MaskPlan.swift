internal import SegCore
public import SegImaging

/// The steps from a network's output to the mask of a scan.
///
/// The default is that of MONAI's spleen bundle: probabilities are resampled to the scan's grid, and each voxel gets its
/// most probable class.
public struct MaskPlan: Hashable, Sendable {
    /// The way in which predictions are resampled to the scan's grid.
    public enum Restoration: String, Hashable, Sendable {
        /// Trilinear resampling of probabilities, then classes; `Invertd(nearest_interp=False)` before `AsDiscreted`.
        case trilinear
        /// Nearest-neighbour resampling of classes; `Invertd(nearest_interp=True)`.
        case nearest
        /// Trilinear resampling of logits, then classes, as in nnU-Net.
        case logits
        /// No resampling: the mask stays on the network's grid, as without `Invertd`.
        case none
    }

    /// The activation that turns logits into probabilities; `Activationsd`. A single channel always has a sigmoid.
    public enum Probabilities: String, Hashable, Sendable {
        /// The probabilities of all channels sum to 1.
        case softmax
        /// Each channel has its own probability, independent of the others.
        case sigmoid
    }

    /// The way in which predictions are resampled to the scan's grid.
    public var restoration = Restoration.trilinear
    /// The activation of an output with several channels.
    public var probabilities = Probabilities.softmax
    /// Whether each of several channels is a region that may overlap others; `AsDiscreted(threshold=)` without `argmax`.
    public var isRegions = false
    /// The smallest probability at which a single channel is class 1, or a voxel belongs to a region;
    /// `AsDiscreted(threshold=)`.
    public var threshold = 0.5
    /// A region and the class number that it is painted with.
    public struct Paint: Hashable, Sendable {
        /// The region's channel.
        public var channel: Int
        /// The class number.
        public var label: UInt8
        /// Creates a pair of a region and its class number.
        public init(channel: Int, label: UInt8) { (self.channel, self.label) = (channel, label) }
    }

    /// The order in which overlapping regions are painted as class numbers; a later region overwrites an earlier one. nnU-Net's
    /// `regions_class_order`, or a `Lambda` of `torch.where`. Empty if the channels are classes, or regions that stay regions.
    public var painting: [Paint] = []
    /// Steps on the network's grid, before classes or regions are resampled.
    public var before: [MaskStep] = []
    /// Steps on the grid of the mask.
    public var after: [MaskStep] = []

    /// Creates the default plan.
    public init() {}

    /// Creates the default plan for a scheme of labels. For regions, sigmoid probabilities are resampled trilinearly and have a
    /// threshold of 0.5; `regionsOrder` paints the regions into one map.
    init(usualFor scheme: LabelScheme) {
        guard scheme.regions != nil else { return }
        (probabilities, isRegions) = (.sigmoid, scheme.regionsOrder == nil)
        painting = (scheme.regionsOrder ?? []).enumerated().map { channel, number in
            Paint(channel: channel, label: UInt8(clamping: number))
        }
    }

    /// The number of classes, background included, that a network's channels make; a single channel makes two.
    func classes(channels: Int) -> Int { painting.map(\.label).max().map { Int($0) + 1 } ?? max(2, channels) }

    /// The numbers of the foreground classes in a mask: all from 1, or only those that regions are painted with.
    /// - Parameter classes: The number of classes, background included.
    package func foreground(classes: Int) -> [Int] {
        painting.isEmpty ? Array(1..<max(classes, 1)) : Set(painting.map { Int($0.label) }).subtracting([0]).sorted()
    }

    /// Whether each probability belongs to a class, and the probabilities of all classes, background included, sum to 1.
    func areShares(channels: Int) -> Bool {
        channels == 1 || (probabilities == .softmax && !isRegions && painting.isEmpty)
    }
}
