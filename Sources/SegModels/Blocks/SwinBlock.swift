internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

/// The division of a volume into attention windows. Along an axis on which the volume is no larger than the window, the
/// window is reduced to the volume and not shifted.
struct SwinWindows {
    let size: Triple
    let window: Triple
    let shift: Triple

    init(size: Triple, window: Triple, shifted: Bool) {
        self.size = size
        self.window = size.zip(window, min)
        shift = shifted ? size.zip(window) { $0 <= $1 ? 0 : $1 / 2 } : Triple(0)
    }

    var isShifted: Bool { shift != Triple(0) }

    /// Builds the attention mask, `compute_mask`: 0 between positions of a window that are adjacent in the volume, −100
    /// between positions that only the roll brought into one window. **Shape**: `[windows, T, T]`.
    func mask(on backend: any Backend) throws -> Tensor {
        let counts = size.zip(window) { ($0 + $1 - 1) / $1 }
        /// Returns the region of a position on an axis of the rolled volume: 0, 1 or 2. Without a shift, the whole axis
        /// is region 2.
        func region(_ place: Int, _ axis: Int) -> Int {
            let padded = counts[axis] * window[axis]
            if shift[axis] == 0 || place >= padded - shift[axis] { return 2 }
            return place < padded - window[axis] ? 0 : 1
        }
        let length = window.count
        try FreeMemory.check(
            arrays: 4 * counts.count * length * length, subject: "SwinUNETR",
            for: "the attention of \(counts.count) windows of \(length) positions", advice: "use a smaller roi_size")
        let regions = (0..<counts.count).map { index in
            let at = Triple(
                index / (counts.h * counts.w) * window.d, index / counts.w % counts.h * window.h,
                index % counts.w * window.w)
            return (0..<length).map { token in
                (region(at.d + token / (window.h * window.w), 0) * 3
                    + region(at.h + token / window.w % window.h, 1)) * 3 + region(at.w + token % window.w, 2)
            }
        }
        return try regionMask(regions, on: backend)
    }
}

/// A cache of the mask for the most recent size, because a network mostly runs on one size.
final class SwinMask {
    private var size: Triple?
    private var mask: Tensor?

    func tensor(_ windows: SwinWindows, on backend: any Backend) throws -> Tensor {
        if let mask, size == windows.size { return mask }
        let made = try windows.mask(on: backend)
        (size, mask) = (windows.size, made)
        return made
    }
}

/// x + attention(norm(x)) in windows, then x + perceptron(norm(x)): `SwinTransformerBlock`.
struct SwinBlock {
    private let norm1: Norm
    private let attention: WindowAttention
    private let norm2: Norm
    private let perceptron: Perceptron
    private let attentionPath: Dropout?
    private let perceptronPath: Dropout?

    /// Registers `norm1`, `attn`, `norm2` and `mlp`.
    init(
        _ store: ParameterStore, channels: Int, heads: Int, pathDropout: Float, _ options: SwinOptions
    ) throws {
        norm1 = try Norm(store.scope("norm1"), channels: channels, swinLayerNorm)
        attention = try WindowAttention(store.scope("attn"), channels: channels, heads: heads, options)
        norm2 = try Norm(store.scope("norm2"), channels: channels, swinLayerNorm)
        perceptron = try Perceptron(
            store.scope("mlp"), channels: channels, hidden: Int(Double(channels) * options.mlpRatio),
            dropout: options.dropout)
        attentionPath = Dropout(store, pathDropout, .sample)
        perceptronPath = Dropout(store, pathDropout, .sample)
    }

    /// **Shapes**: x and result `[N, D, H, W, C]`, mask `[windows, T, T]`.
    func callAsFunction(
        _ x: Tensor, _ windows: SwinWindows, mask: Tensor?, in context: ForwardContext
    ) throws -> Tensor {
        let tokens = try windowPartition(
            norm1(x, followers: NormFollowers(), in: context), window: windows.window, shift: windows.shift)
        let mixed = try windowReverse(
            attention(tokens, mask: mask, in: context), size: windows.size, window: windows.window,
            shift: windows.shift)
        let y = try add(x, attentionPath(mixed, in: context))
        let refined = try perceptron(norm2(y, followers: NormFollowers(), in: context), in: context)
        return try add(y, perceptronPath(refined, in: context))
    }
}

/// Self-attention in a window with a learned bias for each relative position, `WindowAttention`.
private struct WindowAttention {
    private let table: Parameter
    private let qkv: Linear
    private let projection: Linear
    private let heads: Int
    private let window: Triple
    private let scale: Float
    private let weightDropout: Dropout?
    private let outputDropout: Dropout?

    /// Registers `relative_position_bias_table`, `relative_position_index`, `qkv` and `proj`.
    init(_ store: ParameterStore, channels: Int, heads: Int, _ options: SwinOptions) throws {
        self.heads = heads
        window = options.window
        scale = 1 / Float(channels / heads).squareRoot()
        let spans = Self.spans(window)
        table = try store.parameter("relative_position_bias_table", [spans.count, heads], .normal(sd: 0.02))
        let side = options.window
        store.constant("relative_position_index", [side.count, side.count]) { Self.relativePositions(side) }
        qkv = try Linear(store.scope("qkv"), inputs: channels, outputs: 3 * channels, bias: options.qkvBias)
        weightDropout = Dropout(store, options.attentionDropout, .element)
        projection = try Linear(store.scope("proj"), inputs: channels, outputs: channels, bias: true)
        outputDropout = Dropout(store, options.dropout, .element)
    }

    /// **Shapes**: x and result `[N · windows, T, C]`.
    func callAsFunction(_ x: Tensor, mask: Tensor?, in context: ForwardContext) throws -> Tensor {
        var weights = AttentionWeights()
        weights.bias = try bias(length: x.shape[1], in: context)
        weights.mask = mask
        weights.dropout = weightDropout?.params(in: context)
        let mixed = try selfAttention(qkv: qkv(x, in: context), heads: heads, scale: scale, weights)
        return try outputDropout(projection(mixed, in: context), in: context)
    }

    /// Spreads the table over all pairs of positions, `[heads, T, T]`.
    ///
    /// A window that was reduced to a small volume uses the first T positions of the full window, as in MONAI.
    private func bias(length: Int, in context: ForwardContext) throws -> Tensor {
        let spans = Self.spans(window)
        var bias = try transposeColumns(table.tensor(in: context))
        bias = try toeplitz(reshape(bias, [heads, spans.d, spans.h * spans.w]))
        bias = try toeplitz(reshape(bias, [heads * window.d, spans.h, spans.w * window.d]))
        bias = try toeplitz(
            reshape(bias, [heads * window.d * window.h, spans.w, window.d * window.h]))
        let whole: Shape = [heads, window.count, window.count]
        return try crop(reshape(bias, whole), to: [heads, length, length])
    }

    /// Returns the number of different offsets between two positions along each axis.
    private static func spans(_ window: Triple) -> Triple { window.zip(Triple(2)) { $0 * $1 - 1 } }

    /// Returns the table's row for each pair of positions, `[T, T]`; kept only because MONAI's state_dict contains it.
    private static func relativePositions(_ window: Triple) -> [Int64] {
        let spans = spans(window)
        let places = (0..<window.count).map { token in
            Triple(token / (window.h * window.w), token / window.w % window.h, token % window.w)
        }
        return places.flatMap { query in
            places.map { key in
                let (d, h, w) = (
                    query.d - key.d + window.d - 1, query.h - key.h + window.h - 1, query.w - key.w + window.w - 1
                )
                return Int64((d * spans.h + h) * spans.w + w)
            }
        }
    }
}
