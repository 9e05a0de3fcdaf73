// Isensee et al. 2021, "nnU-Net"; MONAI's `monai.networks.nets.DynUNet`, the network that nnU-Net plans.
//
// Shapes with filters (32, 64, 128, 256, 320), strides (1, 2, 2, 2, 2), kernels 3 and a 96³ input:
//   input_block    96³ ×   1 → 96³ ×  32        upsamples.3   48³ ×  64 → 96³ ×  32, with input_block:   96³ ×  64 → 32
//   downsamples.0  96³ ×  32 → 48³ ×  64        upsamples.2   24³ × 128 → 48³ ×  64, with downsamples.0: 48³ × 128 → 64
//   downsamples.1  48³ ×  64 → 24³ × 128        upsamples.1   12³ × 256 → 24³ × 128, with downsamples.1
//   downsamples.2  24³ × 128 → 12³ × 256        upsamples.0    6³ × 320 → 12³ × 256, with downsamples.2
//   bottleneck     12³ × 256 →  6³ × 320        output_block  96³ × 32 → 96³ × classes
// With deep supervision, head i computes logits from the decoder's output at level i + 1, in training only. MONAI's state_dict
// contains every parameter twice, the second time under `skip_layers`; so do the files that MedSeg writes.
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.DynUNet`.
public struct DynUNetOptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The kernel size of each level, the bottleneck's last.
    public var kernels: [Triple]
    /// The stride into each level.
    public var strides: [Triple]
    /// The kernel size, and also the stride, of each transposed convolution, finest first.
    public var upKernels: [Triple]
    /// The number of channels of each level.
    public var filters: [Int]
    /// The number of heads for deep supervision; 0 for none.
    public var headCount: Int
    /// Whether transposed convolutions have a bias.
    public var upBias: Bool
    /// Whether the network processes slices across the last axis one by one (`spatial_dims` 2); kernels and strides are
    /// 1 along it.
    public var isPlanar: Bool
    var block: UnetBlockOptions

    /// Reads MONAI's arguments.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        let dimensions = try reader.planarOrSpatial("spatial_dims")
        isPlanar = dimensions == 2
        inputChannels = try reader.required("in_channels", reader.positive("in_channels"))
        outputChannels = try reader.required("out_channels", reader.positive("out_channels"))
        kernels = try reader.required("kernel_size", reader.triples("kernel_size", dimensions: dimensions))
        strides = try reader.strides("strides", dimensions: dimensions)
        upKernels = try reader.required(
            "upsample_kernel_size", reader.triples("upsample_kernel_size", dimensions: dimensions))
        let most = isPlanar ? 512 : 320
        let planned = strides.indices.map { min(32 << min($0, 8), most) }
        filters = Array(try (reader.channels("filters") ?? planned).prefix(strides.count))
        upBias = try reader.bool("trans_bias") ?? false
        let isDeep = try reader.bool("deep_supervision") ?? false
        let count = try reader.int("deep_supr_num") ?? 1
        headCount = isDeep ? count : 0
        let affineInstance = BlockOptions.NormOption.instance(affine: true)
        let hasNorm = reader.value("norm_name") != nil
        block = UnetBlockOptions(
            norm: hasNorm ? try BlockOptions.norm(reader, "norm_name", default: "instance") : affineInstance,
            dropout: try BlockOptions.dropout(reader, "dropout"), isResidual: try reader.bool("res_block") ?? false,
            startsKaiming: true)
        if reader.value("act_name") != nil {
            block.activation = try BlockOptions.activation(reader, "act_name", default: "leakyrelu")
        }
        try reader.finish()
        try validate(reader, isDeep: isDeep)
    }

    private func validate(_ reader: ConfigReader, isDeep: Bool) throws {
        let levels = strides.count
        guard levels >= 3, kernels.count == levels else {
            throw reader.error(
                "kernel_size", "has \(kernels.count) entries, strides \(levels); give both the same number, at least 3")
        }
        guard strides[0] == Triple(1) else {
            throw reader.error(
                "strides", "should begin with 1, not \(strides[0]): the output would be smaller than the input")
        }
        guard upKernels == Array(strides.dropFirst()) else {
            throw reader.error("upsample_kernel_size", "should be strides without the first: \(strides.dropFirst())")
        }
        guard filters.count == levels else {
            throw reader.error("filters", "should be at least \(levels) positive integers, one per level")
        }
        for (kernel, stride) in zip(kernels, strides) {
            guard (0..<3).allSatisfy({ kernel[$0] % 2 == 1 && kernel[$0] + 1 >= stride[$0] }) else {
                throw reader.error(
                    "kernel_size", "\(kernel) at stride \(stride) should be odd and at least the stride minus 1")
            }
        }
        if isDeep, !(1..<levels - 1).contains(headCount) {
            throw reader.error("deep_supr_num", "should be from 1 to \(levels - 2), not \(headCount)")
        }
        if case .group(let groups) = block.norm.params.kind {
            for count in filters where count % groups != 0 {
                throw reader.error("norm_name", "\(count) channels do not divide into \(groups) groups")
            }
        }
        if block.activation.slopeCount != 1 {
            throw reader.error("act_name", "PReLU with num_parameters does not fit levels of different channel counts")
        }
    }
}

/// nnU-Net's U-Net, with a kernel size and a stride per level, deep supervision, and MONAI's parameter names.
public struct DynUNet: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: DynUNetOptions
    /// The input block, the encoder stages and the bottleneck.
    private let down: [UnetBlock]
    /// The decoder stages, coarsest first.
    private let up: [UnetUpBlock]
    private let head: UnetHead
    /// The deep supervision heads of levels 1, 2, ….
    private let deepHeads: [UnetHead]

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: DynUNetOptions, _ store: ParameterStore) throws {
        self.store = store
        store.isPlanar = options.isPlanar
        self.options = options
        let (filters, last) = (options.filters, options.filters.count - 1)
        let names = ["input_block"] + (0..<last - 1).map { "downsamples.\($0)" } + ["bottleneck"]
        down = try names.enumerated().map { level, name in
            try UnetBlock(
                store.scope(name), inputs: level == 0 ? options.inputChannels : filters[level - 1],
                outputs: filters[level], BlockGeometry(kernel: options.kernels[level], stride: options.strides[level]),
                options.block)
        }
        // Decoder stages have no shortcut, even if `res_block` is true.
        var upOptions = options.block
        upOptions.isResidual = false
        up = try (0..<last).map { index in
            let level = last - index
            return try UnetUpBlock(
                store.scope("upsamples").scope("\(index)"), inputs: filters[level], outputs: filters[level - 1],
                kernel: options.kernels[level], upKernel: options.upKernels[level - 1], upBias: options.upBias,
                upOptions)
        }
        head = try UnetHead(
            store.scope("output_block"), inputs: filters[0], outputs: options.outputChannels, options.block)
        deepHeads = try (0..<options.headCount).map {
            try UnetHead(
                store.scope("deep_supervision_heads").scope("\($0)"), inputs: filters[$0 + 1],
                outputs: options.outputChannels, options.block)
        }
        registerSkipLayers(names)
    }

    /// Registers the second names of the blocks, which MONAI also nests: `skip_layers.next_layer.…`.
    private func registerSkipLayers(_ names: [String]) {
        let last = names.count - 1
        var path = "skip_layers"
        for level in 0..<last {
            store.alias(path + ".downsample", of: names[level])
            store.alias(path + ".upsample", of: "upsamples.\(last - 1 - level)")
            if level > 0, level <= options.headCount {
                store.alias(path + ".super_head", of: "deep_supervision_heads.\(level - 1)")
            }
            path += ".next_layer"
        }
        store.alias(path, of: names[last])
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// The product of the strides along each axis.
    public var sizeDivisor: Triple { options.strides.reduce(Triple(1)) { $0.zip($1, *) } }
    /// The probability of every dropout of the network.
    public var dropoutProbability: Float { options.block.dropout }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try head(features(x, in: context)[0], in: context)
    }

    /// Computes the output and, in training, the outputs of the heads, resized to the output's size (nearest neighbour).
    ///
    /// **Shapes**: x `[N, D, H, W, in]`, results `[N, D, H, W, out]`; MONAI stacks them along a new axis 1.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        let features = try features(x, in: context)
        let output = try head(features[0], in: context)
        guard context.mode == .training else { return [output] }
        let nearest = Resample3dParams(mode: .nearest, alignCorners: false)
        return [output]
            + (try deepHeads.enumerated().map { index, head in
                try resample3d(head(features[index + 1], in: context), to: output.shape.size, nearest)
            })
    }

    /// Computes the decoder's outputs at the levels with a head, finest first.
    private func features(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        try checkInput(x, "DynUNet")
        var skips: [Tensor] = []
        var y = x
        for block in down {
            y = try context.recomputing([y]) { try block($0[0], in: $1) }
            skips.append(y)
        }
        skips.removeLast()
        var features: [Tensor] = []
        for block in up {
            y = try context.recomputing([y, skips.removeLast()]) { try block($0[0], skip: $0[1], in: $1) }
            features.append(y)
            // Outputs that no head reads are not kept.
            if features.count > options.headCount + 1 { features.removeFirst() }
        }
        return features.reversed()
    }
}
