public import SegCore

/// The geometry of a 3-D convolution, and the only place where its output size is computed.
///
/// Weights are `[out, in / groups, kd, kh, kw]`, PyTorch's layout; a transposed convolution's are
/// `[in, out / groups, kd, kh, kw]`. Padding is with zeros, the same before and after.
public struct Conv3dParams: Hashable, Sendable {
    /// Extents of the kernel.
    public var kernel: Triple
    /// Step between outputs.
    public var stride: Triple
    /// Zeros on either side of the input.
    public var padding: Triple
    /// Distance between kernel taps.
    public var dilation: Triple
    /// Channels are split in this many independent groups.
    public var groups: Int

    /// Makes a geometry, with `torch.nn.Conv3d`'s defaults.
    public init(kernel: Triple, stride: Triple = 1, padding: Triple = 0, dilation: Triple = 1, groups: Int = 1) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
    }

    /// An odd kernel with the padding that keeps the extents at stride 1.
    public static func same(kernel: Triple, stride: Triple = 1) -> Conv3dParams {
        Conv3dParams(kernel: kernel, stride: stride, padding: kernel.zip(2, /))
    }

    /// Input extent that one output sees: (k − 1) · dilation + 1.
    public var reach: Triple { kernel.zip(dilation) { ($0 - 1) * $1 + 1 } }

    /// Output extents of a convolution: ⌊(n + 2p − reach) / s⌋ + 1, at least 0.
    public func outputSize(of input: Triple) -> Triple {
        let span = input.zip(padding) { $0 + 2 * $1 }.zip(reach, -)
        return span.zip(stride) { $0 < 0 ? 0 : $0 / $1 + 1 }
    }

    /// Output extents of a transposed convolution: (n − 1) · s − 2p + reach + outputPadding.
    public func transposedOutputSize(of input: Triple, outputPadding: Triple) -> Triple {
        let placed = input.zip(stride) { ($0 - 1) * $1 }.zip(padding) { $0 - 2 * $1 }
        return placed.zip(reach, +).zip(outputPadding, +)
    }
}
