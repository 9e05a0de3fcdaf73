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
        /// Not at all: the mask lies on the network's grid, as without `Invertd`.
        case none
    }

    /// How predictions come back to the scan's grid.
    public var restoration = Restoration.trilinear
    /// The probability from which on a single channel is class 1; `AsDiscreted(threshold=)`.
    public var threshold = 0.5
    /// Steps on the network's grid, before classes come back.
    public var before: [MaskStep] = []
    /// Steps on the grid of the mask.
    public var after: [MaskStep] = []

    /// The usual way.
    public init() {}
}

extension Prediction {
    /// The mask that a plan makes, the grid that it lies on, and where that is: voxel index → RAS+ mm.
    func mask(by plan: MaskPlan) -> (voxels: [UInt8], size: Triple, affine: Affine) {
        var mask: [UInt8]
        let size = plan.restoration == .none ? record.networkSize : record.scanSize
        if plan.restoration == .trilinear {
            mask = self.mask(threshold: Float(plan.threshold))
        } else {
            mask = classes(threshold: Float(plan.threshold))
            for step in plan.before { step.apply(to: &mask, size: record.networkSize) }
            if plan.restoration == .nearest { mask = record.restoreLabels(mask) }
        }
        for step in plan.after { step.apply(to: &mask, size: size) }
        return (mask, size, plan.restoration == .none ? record.networkAffine : record.scanAffine)
    }
}
