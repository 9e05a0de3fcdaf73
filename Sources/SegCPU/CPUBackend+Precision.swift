import CSegCPU
internal import SegBackend

extension CPUBackend {
    /// A factor of a convolution or of a matrix product in the backend's precision: itself, or a copy rounded to bf16.
    ///
    /// Products of rounded factors are exact in f32, so that the f32 kernels, Winograd's too, compute what bf16 units
    /// with f32 sums do, and every machine the same.
    func factor(_ view: BufferView) throws -> BufferView {
        guard precision == .bf16 else { return view }
        let rounded = try allocate(view.shape, .f32)
        threads.forRanges(view.count, grain: 1 << 14) { range in
            segcpu_round_bf16(view.floats + range.lowerBound, rounded.floats + range.lowerBound, range.count)
        }
        return rounded
    }
}
