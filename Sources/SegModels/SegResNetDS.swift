// Myronenko 2018, "3D MRI brain tumor segmentation using autoencoder regularization", as Auto3DSeg trains it; MONAI's
// `monai.networks.nets.SegResNetDS`.
//
// Shapes with init_filters 32, blocks_down (1, 2, 2, 4, 4) and a 96³ input:
//   encoder.conv_init  96³ ×   1 → 96³ ×  32
//   encoder.layers.0   96³ ×  32, 1 block   → 48³ ×  64    up_layers.3   48³ ×  64 → 96³ ×  32, plus layers.0, blocks
//   encoder.layers.1   48³ ×  64, 2 blocks  → 24³ × 128    up_layers.2   24³ × 128 → 48³ ×  64, plus layers.1, blocks
//   encoder.layers.2   24³ × 128, 2 blocks  → 12³ × 256    up_layers.1   12³ × 256 → 24³ × 128, plus layers.2, blocks
//   encoder.layers.3   12³ × 256, 4 blocks  →  6³ × 512    up_layers.0    6³ × 512 → 12³ × 256, plus layers.3, blocks
//   encoder.layers.4    6³ × 512, 4 blocks
//   head of a decoder stage: 1³ convolution to the classes, in the last `dsdepth` stages
// A block is norm, activation, convolution, twice, plus its input. With a `resolution`, the first stages have kernels
// and strides of 1 along axes whose voxels are already long.
internal import Foundation
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.SegResNetDS`.
public struct SegResNetDSOptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The number of channels of the finest stage; each further encoder stage doubles it.
    public var filters: Int
    /// The number of blocks of each encoder stage.
    public var blocksDown: [Int]
    /// The number of blocks of each decoder stage.
    public var blocksUp: [Int]
    /// The number of outputs in training, from the finest decoder stages; at least 1.
    public var headCount: Int
    /// The stride after each encoder stage; in the last stage it only determines the kernel size.
    public var strides: [Triple]
    var upsampling: Upsampling
    var activation: BlockOptions.ActivationOption
    var norm: BlockOptions.NormOption

    /// The upsampling method of a decoder stage; `upsample_mode`.
    enum Upsampling: String, Hashable, Sendable, CaseIterable {
        /// A transposed convolution.
        case deconv
        /// A 1³ convolution, then trilinear interpolation.
        case nontrainable
    }

    /// Reads MONAI's arguments.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        try reader.requireThreeDimensions("spatial_dims")
        inputChannels = try reader.positive("in_channels") ?? 1
        outputChannels = try reader.positive("out_channels") ?? 2
        filters = try reader.positive("init_filters") ?? 32
        blocksDown = try reader.blocks("blocks_down") ?? [1, 2, 2, 4]
        blocksUp = try reader.blocks("blocks_up") ?? [Int](repeating: 1, count: max(blocksDown.count - 1, 1))
        headCount = max(try reader.int("dsdepth") ?? 1, 1)
        activation = try BlockOptions.activation(reader, "act", default: "relu")
        norm = try BlockOptions.norm(reader, "norm", default: "batch", affine: true)
        try reader.expect("preprocess", .null)
        let mode = try reader.string("upsample_mode")?.lowercased() ?? "deconv"
        guard let upsampling = Upsampling(rawValue: mode) else {
            let known = Upsampling.allCases.map(\.rawValue).joined(separator: ", ")
            throw reader.error("upsample_mode", "'\(mode)' is not supported; supported: \(known)")
        }
        self.upsampling = upsampling
        strides = [Triple](repeating: Triple(2), count: blocksDown.count)
        if let resolution = try reader.doubles("resolution") {
            strides = try Self.strides(of: resolution, count: blocksDown.count, reader)
        }
        try reader.finish()
        try reader.checkSegResNet(blocksDown: blocksDown, blocksUp: blocksUp, filters: filters, norm, activation)
    }

    /// The product of all strides except the last, along each axis.
    var sizeDivisor: Triple { strides.dropLast().reduce(Triple(1)) { $0.zip($1, *) } }

    /// Returns strides that lead from anisotropic to nearly isotropic voxels; MONAI's `scales_for_resolution`.
    private static func strides(of resolution: [Double], count: Int, _ reader: ConfigReader) throws -> [Triple] {
        guard resolution.count == 3, resolution.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw reader.error("resolution", "should be three positive numbers in mm, not \(resolution)")
        }
        let longest = resolution.max() ?? 1
        let halvings = resolution.map { log2(longest / $0).rounded(.down) }
        let most = halvings.max() ?? 0
        return (0..<count).map { stage in
            Triple(halvings.map { Double(stage) < $0 || Double(stage) >= most ? 2 : 1 })
        }
    }
}

/// A residual encoder that is deeper than its decoder, with deep supervision and MONAI's parameter names.
public struct SegResNetDS: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: SegResNetDSOptions
    private let encoder: SegResNetDSEncoder
    private let decoder: SegResNetDSDecoder

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: SegResNetDSOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        encoder = try SegResNetDSEncoder(store.scope("encoder"), options)
        decoder = try SegResNetDSDecoder(store.scope("up_layers"), options)
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// The product of all strides except the last, along each axis.
    public var sizeDivisor: Triple { options.sizeDivisor }
    /// 0, because the network has no dropout.
    public var dropoutProbability: Float { 0 }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        guard let output = try outputs(x, heads: 1, in: context).first else {
            throw TensorError(op: "SegResNetDS", "has no head")
        }
        return output
    }

    /// Computes the output and, in training, the outputs of the heads of coarser stages at their own sizes, as in MONAI.
    ///
    /// **Shapes**: x `[N, D, H, W, in]`, results `[N, D', H', W', out]`, the finest first.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        try outputs(x, heads: context.mode == .training ? options.headCount : 1, in: context)
    }

    private func outputs(_ x: Tensor, heads: Int, in context: ForwardContext) throws -> [Tensor] {
        try checkInput(x, "SegResNetDS")
        return try decoder(encoder(x, in: context), heads: heads, in: context)
    }
}
