internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Geometry of one block: kernel and stride with MONAI's "same" padding.
public struct BlockGeometry: Hashable, Sendable {
    /// Kernel, odd along each axis.
    public var kernel: Triple
    /// Stride.
    public var stride: Triple

    /// A kernel and its stride.
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

    /// Registers `conv` and, unless `convOnly`, `adn`; padding is ⌊k / 2⌋, output padding stride − 1.
    /// - Throws: `BackendError` where memory is short.
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
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, residual: Tensor? = nil, in context: ForwardContext) throws -> Tensor {
        try finish(convolve(x, in: context), residual: residual, in: context)
    }

    /// The convolution alone: all that comes before the block's dropout but a norm, which is one pass with it.
    func convolve(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        switch conv {
        case .plain(let conv): try conv(x, in: context)
        case .transposed(let conv): try conv(x, in: context)
        }
    }

    /// What follows the convolution.
    func finish(_ y: Tensor, residual: Tensor?, in context: ForwardContext) throws -> Tensor {
        guard let adn else { return try residual.map { try add(y, $0) } ?? y }
        return try adn(y, residual: residual, in: context)
    }
}

/// Convolution blocks with a shortcut round them, `monai.networks.blocks.ResidualUnit`. Zhang et al. 2018.
public struct ResidualUnit {
    private let units: [ConvolutionBlock]
    private let shortcut: Conv3d?

    /// Registers `conv.unit0`, … and, where size or channels change, `residual`.
    /// - Throws: `BackendError` where memory is short.
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
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try self(fromDropout: beforeDropout(x, in: context), in: context)
    }

    /// What comes before the first dropout: the shortcut and the first convolution.
    func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        let residual = try shortcut.map { try $0(x, in: context) } ?? x
        return [residual, try units[0].convolve(x, in: context)]
    }

    /// The rest of the unit.
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
