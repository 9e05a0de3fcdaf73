internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// The geometry of a block: kernel size and stride, with MONAI's "same" padding.
public struct BlockGeometry: Hashable, Sendable {
    /// The kernel size, odd along each axis.
    public var kernel: Triple
    /// The stride.
    public var stride: Triple

    /// Creates a geometry from a kernel size and a stride.
    public init(kernel: Triple = 3, stride: Triple = 1) {
        self.kernel = kernel
        self.stride = stride
    }
}

/// A convolution followed by norm, dropout and activation, `monai.networks.blocks.Convolution`.
public struct ConvolutionBlock {
    private enum Kind {
        case plain(Conv3d)
        case transposed(ConvTranspose3d)
    }

    private let conv: Kind
    private let adn: ADN?

    /// Registers `conv` and, unless `convOnly`, `adn`. For kernel size k the padding is ⌊k / 2⌋; the output padding is
    /// stride − 1.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(
        _ store: ParameterStore, inputs: Int, outputs: Int, _ geometry: BlockGeometry,
        transposed: Bool = false, convOnly: Bool = false, _ options: BlockOptions = BlockOptions()
    ) throws {
        let params = Conv3dParams(
            kernel: geometry.kernel, stride: geometry.stride, padding: geometry.kernel.zip(Triple(2), /),
            dilation: Triple(1), groups: 1)
        let scope = store.scope("conv")
        if transposed {
            conv = .transposed(
                try ConvTranspose3d(
                    scope, inputs: inputs, outputs: outputs, params,
                    outputPadding: geometry.stride.zip(Triple(1), -), bias: options.bias))
        } else {
            conv = .plain(try Conv3d(scope, inputs: inputs, outputs: outputs, params, bias: options.bias))
        }
        adn = convOnly ? nil : try ADN(store.scope("adn"), channels: outputs, options)
    }

    /// **Shapes**: x `[N, D, H, W, in]`, residual (added last) and result `[N, D', H', W', out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, residual: Tensor? = nil, in context: ForwardContext) throws -> Tensor {
        try finish(convolve(x, in: context), residual: residual, in: context)
    }

    /// Applies the convolution alone, the part before the block's dropout. The norm is not included, because it runs in
    /// one pass with the dropout.
    func convolve(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        switch conv {
        case .plain(let conv): try conv(x, in: context)
        case .transposed(let conv): try conv(x, in: context)
        }
    }

    /// Applies the block's norm, dropout and activation to the convolution's output and adds `residual`.
    func finish(_ y: Tensor, residual: Tensor?, in context: ForwardContext) throws -> Tensor {
        guard let adn else { return try residual.map { try add(y, $0) } ?? y }
        return try adn(y, residual: residual, in: context)
    }
}

/// Convolution blocks with a shortcut around them, `monai.networks.blocks.ResidualUnit`. Zhang et al. 2018.
public struct ResidualUnit {
    private let units: [ConvolutionBlock]
    private let shortcut: Conv3d?

    /// Registers `conv.unit0`, … and, if the size or the number of channels changes, `residual`.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(
        _ store: ParameterStore, inputs: Int, outputs: Int, _ geometry: BlockGeometry,
        subunits: Int = 2, lastConvOnly: Bool = false, _ options: BlockOptions = BlockOptions()
    ) throws {
        let count = max(subunits, 1)
        units = try (0..<count).map { index in
            let own = BlockGeometry(kernel: geometry.kernel, stride: index == 0 ? geometry.stride : Triple(1))
            return try ConvolutionBlock(
                store.scope("conv").scope("unit\(index)"), inputs: index == 0 ? inputs : outputs, outputs: outputs, own,
                convOnly: lastConvOnly && index == count - 1, options)
        }
        let strided = geometry.stride.count != 1
        guard strided || inputs != outputs else {
            shortcut = nil
            return
        }
        let kernel = strided ? geometry.kernel : Triple(1)
        let params = Conv3dParams(
            kernel: kernel, stride: geometry.stride, padding: kernel.zip(Triple(2), /), dilation: Triple(1), groups: 1)
        shortcut = try Conv3d(
            store.scope("residual"), inputs: inputs, outputs: outputs, params, bias: options.bias)
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D / stride, H / stride, W / stride, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try self(fromDropout: beforeDropout(x, in: context), in: context)
    }

    /// Computes the part before the first dropout: the shortcut and the first convolution.
    func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        let residual = try shortcut.map { try $0(x, in: context) } ?? x
        return [residual, try units[0].convolve(x, in: context)]
    }

    /// Computes the rest of the unit from the result of `beforeDropout`.
    func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        let residual = kept[0]
        var y = try units[0].finish(kept[1], residual: units.count == 1 ? residual : nil, in: context)
        kept = []
        for (index, unit) in units.enumerated().dropFirst() {
            y = try unit(y, residual: index == units.count - 1 ? residual : nil, in: context)
        }
        return y
    }
}
