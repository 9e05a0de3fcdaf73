internal import SegBackend

// What moves or changes values that nobody looks at, and the way back: only its memory counts.
extension TallyBackend {
    func upload(_ source: UnsafeRawBufferPointer, to view: BufferView) throws {}

    func download(_ view: BufferView, into destination: UnsafeMutableRawBufferPointer) throws {}

    func fill(_ view: BufferView, with value: Double) throws {}

    func copyRegion(
        _ source: BufferView, at sourceOrigin: [Int], into destination: BufferView, at origin: [Int], extent: [Int],
        accumulate: Bool
    ) throws {}

    func synchronize() throws {}

    func cast(_ x: BufferView, into y: BufferView) throws {}

    func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws {}

    func activateBackward(
        _ x: BufferView, upstream: BufferView, _ activation: Activation, slope: BufferView?, into gx: BufferView,
        slopeGradient: BufferView?, accumulate: Bool
    ) throws {}

    func softmaxBackward(_ y: BufferView, upstream: BufferView, into gx: BufferView, accumulate: Bool) throws {}

    func reduce(_ op: ReduceOp, _ x: BufferView, outer: Int, inner: Int, into y: BufferView, accumulate: Bool) throws {}

    func attentionBackward(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, output y: BufferView, logSumExp: BufferView,
        upstream: BufferView, scale: Float, into gq: BufferView, _ gk: BufferView, _ gv: BufferView
    ) throws {}

    func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {}

    func normStatistics(_ x: BufferView, _ params: NormParams, into mean: BufferView, _ variance: BufferView) throws {}

    func normalizeBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        _ params: NormParams, into gradients: NormGradients
    ) throws {}

    func normActivateBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        bias: BufferView?, _ params: NormParams, _ epilogue: NormEpilogue, into gradients: NormGradients
    ) throws {}

    func maxPool3dBackward(
        upstream: BufferView, indices: BufferView, _ params: Pool3dParams, into gx: BufferView, accumulate: Bool
    ) throws {}

    func resample3dBackward(upstream: BufferView, _ params: Resample3dParams, into gx: BufferView, accumulate: Bool)
        throws
    {}

    func blendWindow(
        _ window: BufferView, weights: BufferView, at origin: Triple, into sum: BufferView, _ weightSum: BufferView
    ) throws {}

    func divideRows(_ x: BufferView, by divisors: BufferView, into y: BufferView) throws {}

    func diceCELoss(
        _ logits: BufferView, labels: BufferView, _ params: DiceCEParams, into loss: BufferView, sums: BufferView
    ) throws {}

    func diceCELossBackward(
        _ logits: BufferView, labels: BufferView, sums: BufferView, upstream: BufferView, _ params: DiceCEParams,
        into gx: BufferView, accumulate: Bool
    ) throws {}

    func focalLoss(_ logits: BufferView, labels: BufferView, _ params: FocalParams, into loss: BufferView) throws {}

    func focalLossBackward(
        _ logits: BufferView, labels: BufferView, upstream: BufferView, _ params: FocalParams, into gx: BufferView,
        accumulate: Bool
    ) throws {}

    func adamStep(_ slots: [AdamSlot], _ params: AdamParams) throws {}

    func sgdStep(_ slots: [SGDSlot], _ params: SGDParams) throws {}
}
