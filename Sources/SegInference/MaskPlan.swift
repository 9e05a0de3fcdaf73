internal import SegCore
public import SegImaging

/// How the mask of a scan comes of what the network gives.
///
/// The usual way is that of MONAI's spleen bundle: probabilities are brought back to the scan's grid, and the most
/// probable class of each voxel counts.
public struct MaskPlan: Hashable, Sendable {
    /// How predictions come back to the scan's grid.
    public enum Restoration: String, Hashable, Sendable {
        /// Probabilities trilinearly, then classes; `Invertd(nearest_interp=False)` before `AsDiscreted`.
        case trilinear
        /// Classes by nearest voxels; `Invertd(nearest_interp=True)`.
        case nearest
        /// The network's own output trilinearly, as nnU-Net does, then classes.
        case logits
        /// Not at all: the mask lies on the network's grid, as without `Invertd`.
        case none
    }

    /// What makes probabilities of the network's output; `Activationsd`. A single channel is always a sigmoid's.
    public enum Probabilities: String, Hashable, Sendable {
        /// Those of all channels sum to 1.
        case softmax
        /// Each channel by itself.
        case sigmoid
    }

    /// How predictions come back to the scan's grid.
    public var restoration = Restoration.trilinear
    /// What makes probabilities of the output of several channels.
    public var probabilities = Probabilities.softmax
    /// Whether each of several channels is a region by itself, which may overlap others; `AsDiscreted(threshold=)`
    /// without `argmax`.
    public var isRegions = false
    /// The probability from which on a single channel is class 1, and a voxel belongs to a region;
    /// `AsDiscreted(threshold=)`.
    public var threshold = 0.5
    /// A region and the class number that it is painted with.
    public struct Paint: Hashable, Sendable {
        /// The region's channel.
        public var channel: Int
        /// The class number.
        public var label: UInt8
        /// A region and its class number.
        public init(channel: Int, label: UInt8) { (self.channel, self.label) = (channel, label) }
    }

    /// How several overlapping regions become class numbers, a later one over an earlier one: nnU-Net's
    /// `regions_class_order`, or a `Lambda` of `torch.where`. Empty where channels are classes or regions by themselves.
    public var painting: [Paint] = []
    /// Steps on the network's grid, before classes or regions come back.
    public var before: [MaskStep] = []
    /// Steps on the grid of the mask.
    public var after: [MaskStep] = []

    /// The usual way.
    public init() {}

    /// The usual way of a scheme of labels. Of regions, probabilities of each channel by itself are brought back
    /// trilinearly and count from 0.5 on; `regionsOrder` paints them into one map.
    init(usualFor scheme: LabelScheme) {
        guard scheme.regions != nil else { return }
        (probabilities, isRegions) = (.sigmoid, scheme.regionsOrder == nil)
        painting = (scheme.regionsOrder ?? []).enumerated().map { channel, number in
            Paint(channel: channel, label: UInt8(clamping: number))
        }
    }

    /// The number of classes, background included, that a network's channels make; a single channel makes two.
    func classes(channels: Int) -> Int { painting.map(\.label).max().map { Int($0) + 1 } ?? max(2, channels) }

    /// Whether the probabilities of some channels sum to 1, those of the background among them, and each is a class's.
    func areShares(channels: Int) -> Bool {
        channels == 1 || (probabilities == .softmax && !isRegions && painting.isEmpty)
    }
}

extension Prediction {
    /// What a plan makes of a prediction: one map of class numbers, or a map of 0 and 1 for each region; the grid that it
    /// lies on, and where that is: voxel index → RAS+ mm.
    func mask(by plan: MaskPlan) -> (maps: [[UInt8]], size: Triple, affine: Affine) {
        let size = plan.restoration == .none ? record.networkSize : record.scanSize
        let threshold = Float(plan.threshold)
        var maps: [[UInt8]]
        if [.trilinear, .logits].contains(plan.restoration) {
            maps = plan.isRegions ? regions(threshold: threshold) : [mask(threshold: threshold)]
        } else {
            maps = plan.isRegions ? networkRegions(threshold: threshold) : [classes(threshold: threshold)]
            for step in plan.before { step.apply(to: &maps, size: record.networkSize) }
            if plan.restoration == .nearest { maps = maps.map { record.restoreLabels($0) } }
        }
        for step in plan.after { step.apply(to: &maps, size: size) }
        return (maps, size, plan.restoration == .none ? record.networkAffine : record.scanAffine)
    }
}
