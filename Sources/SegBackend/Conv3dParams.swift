public import SegCore

/// The geometry of a 3-D convolution, and the only place where its output size is computed.
///
/// Weights are `[out, in / groups, kd, kh, kw]`, PyTorch's layout; the weights of a transposed convolution are
/// `[in, out / groups, kd, kh, kw]`. Padding is with zeros, the same number before and after.
public struct Conv3dParams: Hashable, Sendable {
    /// The kernel size.
    public var kernel: Triple
    /// The stride.
    public var stride: Triple
    /// The number of zeros on each side of the input.
    public var padding: Triple
    /// The dilation: the distance between kernel taps.
    public var dilation: Triple
    /// The number of independent groups into which channels are split.
    public var groups: Int

    /// Creates a geometry; the defaults are those of `torch.nn.Conv3d`.
    public init(kernel: Triple, stride: Triple = 1, padding: Triple = 0, dilation: Triple = 1, groups: Int = 1) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
    }

    /// An odd kernel with the padding that keeps the size at stride 1.
    public static func same(kernel: Triple, stride: Triple = 1) -> Conv3dParams {
        Conv3dParams(kernel: kernel, stride: stride, padding: kernel.zip(2, /))
    }

    /// The size of the input region that one output depends on: (k − 1) · dilation + 1.
    public var reach: Triple { kernel.zip(dilation) { ($0 - 1) * $1 + 1 } }

    /// The output size of a convolution: ⌊(n + 2p − reach) / s⌋ + 1, at least 0.
    public func outputSize(of input: Triple) -> Triple {
        let span = input.zip(padding) { $0 + 2 * $1 }.zip(reach, -)
        return span.zip(stride) { $0 < 0 ? 0 : $0 / $1 + 1 }
    }

    /// The output size of a transposed convolution: (n − 1) · s − 2p + reach + outputPadding.
    public func transposedOutputSize(of input: Triple, outputPadding: Triple) -> Triple {
        let placed = input.zip(stride) { ($0 - 1) * $1 }.zip(padding) { $0 - 2 * $1 }
        return placed.zip(reach, +).zip(outputPadding, +)
    }
}
