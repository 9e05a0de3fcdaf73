internal import SegBackend
internal import SegCore

extension CPUBackend {
    /// Whether a weight gradient is computed with x and the upstream gradient swapped. Few output channels leave the
    /// vectors of the direct kernels partly empty; many input channels fill them.
    static func isQuickerSwapped(_ params: Conv3dParams, inputs: Int, outputs: Int) -> Bool {
        outputs <= 4 && inputs >= 16 && params.kernel.count > 1 && params.groups == 1 && params.stride == Triple(1)
            && (0..<3).allSatisfy { params.padding[$0] < params.reach[$0] }
    }

    /// Computes the weight gradient as the weight gradient of the transposed convolution: the upstream gradient is the
    /// input, and x is the upstream gradient. Afterwards the two channel axes are exchanged and the taps flipped.
    func weightGradientSwapped(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        let (inputs, outputs, taps) = (x.shape.channels, upstream.shape.channels, params.kernel.count)
        var swapped = params
        swapped.padding = params.reach.zip(params.padding) { $0 - 1 - $1 }
        let exchanged = try allocate(Shape([inputs, outputs] + params.kernel.array), .f32)
        try weightGradient(upstream, upstream: x, swapped, into: exchanged, accumulate: false)
        let (source, target) = (exchanged.floats, gw.floats)
        for output in 0..<outputs {
            for input in 0..<inputs {
                let from = source + (input * outputs + output) * taps
                let to = target + (output * inputs + input) * taps
                for tap in 0..<taps {
                    let value = from[taps - 1 - tap]
                    to[tap] = accumulate ? to[tap] + value : value
                }
            }
        }
    }
}
