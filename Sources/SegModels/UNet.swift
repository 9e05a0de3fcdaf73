// Kerfoot et al. 2019, "Left-ventricle quantification using residual U-Net"; MONAI's `monai.networks.nets.UNet`.
//
// Shapes with channels (16, 32, 64, 128, 256), strides 2 and a 96³ input:
//   down 0   96³ ×   1 → 48³ ×  16          up 0   48³ ×  32 (16 + 16) → 96³ × classes
//   down 1   48³ ×  16 → 24³ ×  32          up 1   24³ ×  64 (32 + 32) → 48³ ×  16
//   down 2   24³ ×  32 → 12³ ×  64          up 2   12³ × 128 (64 + 64) → 24³ ×  32
//   down 3   12³ ×  64 →  6³ × 128          up 3    6³ × 384 (128 + 256) → 12³ × 64
//   bottom    6³ × 128 →  6³ × 256
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.UNet`.
public struct UNetOptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The number of channels of each level, the bottom's last.
    public var channels: [Int]
    /// The stride of each level except the bottom.
    public var strides: [Triple]
    /// The kernel size of the convolutions.
    public var kernel: Triple
    /// The kernel size of the transposed convolutions.
    public var upKernel: Triple
    /// The number of convolutions in a residual unit; 0 for plain blocks without shortcuts.
    public var residualUnits: Int
    /// The norm, activation, dropout and bias, and their order.
    public var block: BlockOptions
    /// Whether the network processes slices across the last axis one by one (`spatial_dims` 2); kernels and strides are
    /// 1 along it.
    public var isPlanar: Bool

    /// Reads MONAI's arguments.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        let dimensions = try reader.planarOrSpatial("spatial_dims", "dimensions")
        isPlanar = dimensions == 2
        inputChannels = try reader.required("in_channels", reader.positive("in_channels"))
        outputChannels = try reader.required("out_channels", reader.positive("out_channels"))
        channels = try reader.required("channels", reader.channels("channels"))
        strides = try reader.strides("strides", dimensions: dimensions)
        let usual = isPlanar ? Triple(3, 3, 1) : Triple(3)
        kernel = try reader.triple("kernel_size", dimensions: dimensions) ?? usual
        upKernel = try reader.triple("up_kernel_size", dimensions: dimensions) ?? usual
        residualUnits = try reader.int("num_res_units") ?? 0
        block = try BlockOptions(reader, defaultNorm: "instance")
        try reader.finish()
        try validate(reader)
    }

    private func validate(_ reader: ConfigReader) throws {
        guard channels.count >= 2 else {
            throw reader.error("channels", "should be at least two numbers, not \(channels)")
        }
        guard strides.count == channels.count - 1 else {
            throw reader.error(
                "strides", "should have one entry fewer than channels: \(channels.count - 1), not \(strides.count)")
        }
        guard (0...64).contains(residualUnits) else {
            throw reader.error("num_res_units", "should be from 0 to 64, not \(residualUnits)")
        }
        for (key, size) in [("kernel_size", kernel), ("up_kernel_size", upKernel)]
        where !(0..<3).allSatisfy({ size[$0] % 2 == 1 }) {
            throw reader.error(key, "\(size) has no 'same' padding; use odd numbers")
        }
        if case .group(let groups) = block.norm?.params.kind {
            for count in channels + [outputChannels] where count % groups != 0 {
                throw reader.error("norm", "\(count) channels do not divide into \(groups) groups")
            }
        }
        if let slopes = block.activation?.slopeCount, slopes != 1 {
            throw reader.error(
                "act", "PReLU with num_parameters \(slopes) does not fit levels of different channel counts")
        }
    }
}

/// A U-Net with optional residual units, with MONAI's parameter names.
public struct UNet: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: UNetOptions
    private let top: UNetLevel

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: UNetOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        store.isPlanar = options.isPlanar
        top = try UNetLevel(
            store.scope("model"), inputs: options.inputChannels, outputs: options.outputChannels, level: 0, options)
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// The product of the strides along each axis.
    public var sizeDivisor: Triple { options.strides.reduce(Triple(1)) { $0.zip($1, *) } }
    /// The probability of every dropout of the network.
    public var dropoutProbability: Float { options.block.ordering.contains("D") ? options.block.dropout : 0 }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try checkInput(x, "UNet")
        return try top(x, in: context)
    }

    /// Computes the first convolution and the shortcut parallel to it.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        try checkInput(x, "UNet")
        return try top.beforeDropout(x, in: context)
    }

    /// **Shapes**: result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if `kept` does not fit; `BackendError` from the backend.
    public func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        try top(fromDropout: kept, in: context)
    }
}

/// One level: an encoder block, the levels below, and a decoder block; MONAI's `Sequential(down, SkipConnection(below), up)`.
private final class UNetLevel {
    private enum Down {
        case plain(ConvolutionBlock)
        case residual(ResidualUnit)

        init(
            _ store: ParameterStore, inputs: Int, outputs: Int, _ geometry: BlockGeometry, _ options: UNetOptions
        ) throws {
            if options.residualUnits > 0 {
                self = .residual(
                    try ResidualUnit(
                        store, inputs: inputs, outputs: outputs, geometry, subunits: options.residualUnits,
                        lastConvOnly: false, options.block))
            } else {
                self = .plain(
                    try ConvolutionBlock(store, inputs: inputs, outputs: outputs, geometry, options.block))
            }
        }

        func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
            try self(fromDropout: beforeDropout(x, in: context), in: context)
        }

        func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
            switch self {
            case .plain(let block): [try block.convolve(x, in: context)]
            case .residual(let unit): try unit.beforeDropout(x, in: context)
            }
        }

        func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
            switch self {
            case .plain(let block): try block.finish(kept[0], residual: nil, in: context)
            case .residual(let unit): try unit(fromDropout: kept, in: context)
            }
        }
    }

    private enum Below {
        case level(UNetLevel)
        case bottom(Down)
    }

    private let down: Down
    private let below: Below
    private let up: ConvolutionBlock
    private let upUnit: ResidualUnit?

    init(_ store: ParameterStore, inputs: Int, outputs: Int, level: Int, _ options: UNetOptions) throws {
        let channels = options.channels[level]
        let stride = options.strides[level]
        down = try Down(
            store.scope("0"), inputs: inputs, outputs: channels, BlockGeometry(kernel: options.kernel, stride: stride),
            options)
        let inner = store.scope("1").scope("submodule")
        let belowChannels: Int
        if level + 2 < options.channels.count {
            below = .level(try UNetLevel(inner, inputs: channels, outputs: channels, level: level + 1, options))
            belowChannels = channels
        } else {
            belowChannels = options.channels[level + 1]
            below = .bottom(
                try Down(
                    inner, inputs: channels, outputs: belowChannels,
                    BlockGeometry(kernel: options.kernel, stride: Triple(1)), options))
        }
        let isTop = level == 0
        let hasUnit = options.residualUnits > 0
        let upStore = store.scope("2")
        up = try ConvolutionBlock(
            hasUnit ? upStore.scope("0") : upStore, inputs: channels + belowChannels, outputs: outputs,
            BlockGeometry(kernel: options.upKernel, stride: stride), transposed: true, convOnly: isTop && !hasUnit,
            options.block)
        upUnit =
            hasUnit
            ? try ResidualUnit(
                upStore.scope("1"), inputs: outputs, outputs: outputs,
                BlockGeometry(kernel: options.kernel, stride: Triple(1)), subunits: 1, lastConvOnly: isTop,
                options.block)
            : nil
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try finish(context.recomputing([x]) { [down] in try down($0[0], in: $1) }, in: context)
    }

    func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        try down.beforeDropout(x, in: context)
    }

    func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        try finish(down(fromDropout: kept, in: context), in: context)
    }

    /// Computes the part after the encoder block: the levels below, then the decoder block.
    private func finish(_ skip: Tensor, in context: ForwardContext) throws -> Tensor {
        let inner =
            switch below {
            case .level(let level): try level(skip, in: context)
            case .bottom(let bottom): try context.recomputing([skip]) { try bottom($0[0], in: $1) }
            }
        return try context.recomputing([skip, inner]) { [up, upUnit] inputs, context in
            let y = try up(concatenate(inputs), residual: nil, in: context)
            return try upUnit.map { try $0(y, in: context) } ?? y
        }
    }
}
