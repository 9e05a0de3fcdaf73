import CSegCPU
internal import SegBackend

extension CPUBackend {
    /// A factor of a convolution, a matrix product or attention (its probabilities stay f32) in the backend's precision: itself, or a copy rounded to bf16.
    ///
    /// Products of rounded factors are exact in f32, so that the f32 kernels compute what bf16 units with f32 sums do, but
    /// for the order of the sums and, where it is taken, Winograd's own rounding. The factors are the same on every
    /// machine.
    func factor(_ view: BufferView) throws -> BufferView {
        guard precision == .bf16 else { return view }
        let rounded = try allocate(view.shape, .f32)
        threads.forRanges(view.count, grain: 1 << 14) { range in
            kernels.round_bf16(view.floats + range.lowerBound, rounded.floats + range.lowerBound, range.count)
        }
        return rounded
    }
}
