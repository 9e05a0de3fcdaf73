internal import SegBackend
internal import SegCore
internal import SegTensor

// Attention, and the rearrangements of a transformer with windows.
extension ONNXTranslation {
    /// Adds self-attention: the scores of each head plus bias and mask, then the weighted sum of the values.
    mutating func attention(
        _ qkv: BufferView, heads: Int, scale: Float, bias: BufferView?, mask: BufferView?, into y: BufferView
    ) throws {
        let (tokens, channels) = (y.shape[1], y.shape.channels)
        let split = reshape(try asIs(qkv), [0, tokens, 3, heads, channels / heads])
        let parts = transpose(split, [2, 0, 3, 1, 4])
        let (query, key, value) = (part(0, of: parts), part(1, of: parts), part(2, of: parts))
        let products = graph.node("MatMul", [query, transpose(key, [0, 1, 3, 2])])
        var scores = graph.node("Mul", [products, graph.number(scale)])
        if let bias { scores = graph.node("Add", [scores, try asIs(bias)]) }
        if let mask {
            let windows = mask.shape[0]
            let own = reshape(scores, [0, windows, heads, tokens, tokens])
            let masked = graph.node("Add", [own, reshape(try asIs(mask), [windows, 1, tokens, tokens])])
            scores = reshape(masked, [0, heads, tokens, tokens])
        }
        let mixed = graph.node("MatMul", [graph.node("Softmax", [scores], [.int("axis", -1)]), value])
        set(y, .channelsLast, reshape(transpose(mixed, [0, 2, 1, 3]), y.shape))
    }

    private mutating func part(_ index: Int, of parts: ONNXValue) -> ONNXValue {
        graph.node("Gather", [parts, graph.integers([index], shape: [])], [.int("axis", 0)])
    }

    /// Adds a mask that is 0 where two positions are in the same region and −100 elsewhere. The graph computes it from
    /// the regions, because the mask itself has T times as many numbers.
    mutating func mask(_ regions: [[Int]], into y: BufferView) {
        let rows = graph.integers(regions.flatMap(\.self), shape: [regions.count, y.shape[1], 1])
        let same = graph.node("Equal", [rows, transpose(rows, [0, 2, 1])])
        set(y, .channelsLast, graph.node("Where", [same, graph.number(0), graph.number(-100)]))
    }

    /// Pads at the end of each axis, rolls by −shift, and divides into windows.
    mutating func partition(_ x: BufferView, _ window: Triple, _ shift: Triple, into y: BufferView) throws {
        let (size, channels) = (x.shape.size, x.shape.channels)
        let counts = size.zip(window) { ($0 + $1 - 1) / $1 }
        let padded = counts.zip(window, *)
        var volume = try asIs(x)
        if padded != size {
            let pads = [0, 0, 0, 0, 0, 0] + padded.zip(size, -).array + [0]
            volume = graph.node("Pad", [volume, graph.integers(pads)])
        }
        volume = rolled(volume, by: shift)
        let cut: Shape = [0, counts.d, window.d, counts.h, window.h, counts.w, window.w, channels]
        set(y, .channelsLast, reshape(transpose(reshape(volume, cut), [0, 1, 3, 5, 2, 4, 6, 7]), y.shape))
    }

    /// Reverses `partition`.
    mutating func reverse(_ x: BufferView, _ window: Triple, _ shift: Triple, into y: BufferView) throws {
        let (size, channels) = (y.shape.size, y.shape.channels)
        let counts = size.zip(window) { ($0 + $1 - 1) / $1 }
        let padded = counts.zip(window, *)
        let cut: Shape = [0, counts.d, counts.h, counts.w, window.d, window.h, window.w, channels]
        let joined = transpose(reshape(try asIs(x), cut), [0, 1, 4, 2, 5, 3, 6, 7])
        var volume = reshape(joined, Shape(batch: 0, size: padded, channels: channels))
        volume = rolled(volume, by: padded.zip(shift) { ($0 - $1) % $0 })
        if padded != size { volume = sliced(volume, [1, 2, 3], from: [0, 0, 0], to: size.array) }
        set(y, .channelsLast, volume)
    }

    /// Rolls the volume: position p of the result is position p + shift of the volume, cyclically.
    private mutating func rolled(_ volume: ONNXValue, by shift: Triple) -> ONNXValue {
        var result = volume
        for axis in 0..<3 where shift[axis] != 0 {
            let back = sliced(result, [axis + 1], from: [shift[axis]], to: [Self.end])
            let front = sliced(result, [axis + 1], from: [0], to: [shift[axis]])
            result = graph.node("Concat", [back, front], [.int("axis", axis + 1)])
        }
        return result
    }

    /// The end of an axis of any size.
    private static var end: Int { Int(Int32.max) }

    private mutating func sliced(
        _ x: ONNXValue, _ axes: [Int], from starts: [Int], to ends: [Int], steps: [Int] = []
    ) -> ONNXValue {
        let ranges = [starts, ends, axes] + (steps.isEmpty ? [] : [steps])
        return graph.node("Slice", [x] + ranges.map { graph.integers($0) })
    }

    /// Keeps the first elements along the axes that are cropped.
    mutating func crop(_ x: BufferView, into y: BufferView) throws {
        let axes = (0..<x.shape.rank).filter { x.shape[$0] != y.shape[$0] }
        let cut = sliced(try asIs(x), axes, from: axes.map { _ in 0 }, to: axes.map { y.shape[$0] })
        set(y, .channelsLast, cut)
    }

    /// Gathers y[p, i, q, j] = x[p, i − j + w − 1, q].
    mutating func toeplitz(_ x: BufferView, into y: BufferView) throws {
        let width = y.shape[1]
        let places = (0..<width).flatMap { i in (0..<width).map { j in i - j + width - 1 } }
        let gathered = graph.node(
            "Gather", [try asIs(x), graph.integers(places, shape: [width, width])], [.int("axis", 1)])
        set(y, .channelsLast, transpose(gathered, [0, 1, 3, 2]))
    }

    /// Joins the voxels of each 2³ box along the channels.
    mutating func joinCorners(_ x: BufferView, _ corners: [Triple], into y: BufferView) throws {
        let volume = try asIs(x)
        let parts = corners.map { corner in
            sliced(volume, [1, 2, 3], from: corner.array, to: [Self.end, Self.end, Self.end], steps: [2, 2, 2])
        }
        set(y, .channelsLast, graph.node("Concat", parts, [.int("axis", -1)]))
    }
}
