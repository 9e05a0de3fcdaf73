import CSegCPU
internal import SegBackend

extension CPUBackend {
    /// A factor of a convolution, a matrix product or attention in the backend's precision: the view itself, or a copy
    /// rounded to bf16. The probabilities of attention stay f32.
    ///
    /// Products of rounded factors are exact in f32. The f32 kernels therefore give the results of bf16 units with f32
    /// sums, except for the order of the sums and, if Winograd's algorithm is used, its rounding. The factors are the
    /// same on every machine.
    func factor(_ view: BufferView) throws -> BufferView {
        guard precision == .bf16 else { return view }
        let rounded = try allocate(view.shape, .f32)
        threads.forRanges(view.count, grain: 1 << 14) { range in
            kernels.round_bf16(view.floats + range.lowerBound, rounded.floats + range.lowerBound, range.count)
        }
        return rounded
    }
}
