internal import SegBackend

/// The division into blocks of an attention with a bias, a mask or dropout. A block is one head of several consecutive
/// samples.
///
/// Heads come first, `[heads, N, T, E]`; therefore a block is contiguous, and is computed as a batch of matrix products.
struct AttentionBlocks {
    /// One head of the samples `samples`; the first of them has the mask `firstMask`.
    struct Block {
        let head: Int
        let samples: Range<Int>
        let firstMask: Int
        let number: Int
    }

    /// The maximum number of scores held at a time: 32 MiB in f32.
    private static let scoreLimit = 1 << 23

    let headsFirst: Shape
    let packed: Shape
    let all: [Block]

    init(_ qkv: Shape, heads: Int, windows: Int?) {
        let (batch, length, channels) = (qkv[0], qkv[1], qkv.channels / 3)
        headsFirst = [heads, batch, length, channels / heads]
        packed = [batch, length, channels]
        let period = windows ?? batch
        let run = min(period, max(1, Self.scoreLimit / (length * length)))
        var blocks: [Block] = []
        for head in 0..<heads {
            for cycle in stride(from: 0, to: batch, by: period) {
                for first in stride(from: 0, to: period, by: run) {
                    let end = cycle + min(first + run, period)
                    blocks.append(
                        Block(head: head, samples: cycle + first..<end, firstMask: first, number: blocks.count))
                }
            }
        }
        all = blocks
    }

    /// Copies one of the equal parts of `[N, T, parts · heads · E]` to or from `[heads, N, T, E]`.
    func copy(
        packed: BufferView, part: Int, of parts: Int, heads: BufferView, _ backend: any Backend, toPacked: Bool,
        accumulate: Bool
    ) throws {
        let (count, width) = (headsFirst[0], headsFirst[3])
        let rows = headsFirst[1] * headsFirst[2]
        let table = packed.reshaped([rows, parts * count * width])
        for head in 0..<count {
            let own = heads.slice(head..<head + 1).reshaped([rows, width])
            let column = (part * count + head) * width
            if toPacked {
                try backend.copyRegion(
                    own, at: [0, 0], into: table, at: [0, column], extent: [rows, width], accumulate: accumulate)
            } else {
                try backend.copyRegion(
                    table, at: [0, column], into: own, at: [0, 0], extent: [rows, width], accumulate: accumulate)
            }
        }
    }

    /// Computes softmax(q · kᵀ · scale + bias + mask) of a block, before its dropout.
    func probabilities(
        _ block: Block, _ parts: [BufferView], scale: Float, _ weights: AttentionWeights, _ backend: any Backend
    ) throws -> BufferView {
        let length = headsFirst[2]
        let count = block.samples.count
        let scores = try backend.allocate([count, length, length], parts[0].dtype)
        try backend.matmul(
            block.view(parts[0]), block.view(parts[1]), bias: nil,
            MatmulParams(transposeA: false, transposeB: true, alpha: scale, beta: 0), into: scores)
        if let bias = weights.bias {
            let own = bias.view.slice(block.head..<block.head + 1).reshaped([length, length])
            try backend.binary(.add, scores, own, into: scores)
        }
        if let mask = weights.mask {
            let own = mask.view.slice(block.firstMask..<block.firstMask + count)
            try backend.binary(.add, scores, own, into: scores)
        }
        try backend.softmax(scores, into: scores)
        return scores
    }
}

extension AttentionBlocks.Block {
    /// Returns this block of `[heads, N, T, E]`, as `[samples, T, E]`.
    func view(_ tensor: BufferView) -> BufferView {
        let shape = tensor.shape
        return tensor.reshaped([shape[0] * shape[1], shape[2], shape[3]]).slice(
            head * shape[1] + samples.lowerBound..<head * shape[1] + samples.upperBound)
    }

    /// Applies dropout to the probabilities in place; each block has its own random numbers.
    func drop(_ probabilities: BufferView, _ params: DropoutParams, _ backend: any Backend) throws {
        var own = params
        own.seed &+= UInt64(number) &* 0x9E37_79B9_7F4A_7C15
        try backend.dropout(probabilities, own, into: probabilities, accumulate: false)
    }

    /// Computes the gradients of this block's queries, keys, values and scores from its probabilities.
    func gradient(
        _ probabilities: BufferView, _ parts: [BufferView], _ upstream: BufferView, scale: Float,
        _ dropout: DropoutParams?, into gradients: [BufferView], bias: BufferView?, _ backend: any Backend
    ) throws {
        let signal = view(upstream)
        let scores = try backend.allocate(probabilities.shape, probabilities.dtype)
        try backend.scale(probabilities, by: 1, into: scores, times: 0)
        if let dropout { try drop(scores, dropout, backend) }
        func product(_ a: BufferView, _ b: BufferView, _ form: (Bool, Bool), by alpha: Float, into c: BufferView) throws
        {
            try backend.matmul(
                a, b, bias: nil, MatmulParams(transposeA: form.0, transposeB: form.1, alpha: alpha, beta: 0), into: c)
        }
        try product(scores, signal, (true, false), by: 1, into: view(gradients[2]))
        try product(signal, view(parts[2]), (false, true), by: 1, into: scores)
        if let dropout { try drop(scores, dropout, backend) }
        let gradient = try backend.allocate(probabilities.shape, probabilities.dtype)
        try backend.softmaxBackward(probabilities, upstream: scores, into: gradient, accumulate: false)
        try product(gradient, view(parts[1]), (false, false), by: scale, into: view(gradients[0]))
        try product(gradient, view(parts[0]), (true, false), by: scale, into: view(gradients[1]))
        if let bias {
            let inner = probabilities.shape[1] * probabilities.shape[2]
            try backend.reduce(
                .sum, gradient, outer: 1, inner: inner, into: bias.slice(head..<head + 1).reshaped([inner]),
                accumulate: true)
        }
    }
}
