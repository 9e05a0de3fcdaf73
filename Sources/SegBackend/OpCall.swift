internal import SegCore

/// One call of a backend's op: its name, the arrays that it reads and writes, and its cost.
package struct OpCall: Sendable {
    /// The name of the function of `Backend`, such as `conv3d`.
    package let name: String
    /// The arrays that are read; for a layer, its input is the first.
    package let reads: [BufferView]
    /// The arrays that are written or added to, the result first.
    package let writes: [BufferView]
    /// The multiply-adds of matrix products and convolutions; 0 for an op that only moves or maps elements.
    package let multiplyAdds: Int
    /// The op's name in a table of layers, such as `conv 3×3×3`; nil for a step of a layer, such as a copy, and for
    /// gradients, losses and optimisers.
    package let layer: String?
    /// The bytes read and written by an op that uses only a part of its arrays; nil for the other ops.
    private let partBytes: Int?

    /// Creates the description of a call; arrays that are nil are left out.
    init(
        _ name: String, _ reads: [BufferView?], into writes: [BufferView?], multiplyAdds: Int = 0, bytes: Int? = nil,
        layer: String? = nil
    ) {
        self.name = name
        self.reads = reads.compactMap(\.self)
        self.writes = writes.compactMap(\.self)
        self.multiplyAdds = multiplyAdds
        self.layer = layer
        partBytes = bytes
    }

    /// The bytes of the arrays that are read or written, each array counted once.
    package var bytes: Int {
        partBytes ?? (reads + writes).map { $0.count * $0.dtype.byteCount }.reduce(0, +)
    }

    /// The call's work on a device; a multiply-add counts as two operations.
    package var work: DeviceWork {
        DeviceWork(flops: multiplyAdds.multipliedSaturated(by: 2), bytes: bytes, commands: 1)
    }
}

// The cost of products, computed in one place for profiles, summaries, benchmarks and OpenCL's launches.

extension Conv3dParams {
    /// The number of multiply-adds of a convolution, a transposed convolution, or a gradient of either. Taps in the
    /// padding count.
    /// - Parameters:
    ///   - coarse: The output of a convolution, or the input of a transposed convolution.
    ///   - fine: The input of a convolution, or the output of a transposed convolution.
    package func multiplyAdds(coarse: Shape, fine: Shape) -> Int {
        multiplyAdds(rows: coarse.rows, channels: (coarse.channels, fine.channels), taps: kernel.count)
    }

    /// The number of multiply-adds for some channel vectors and taps, for example for one phase of a transposed
    /// convolution.
    package func multiplyAdds(rows: Int, channels: (Int, Int), taps: Int) -> Int {
        rows.multipliedSaturated(by: channels.0 / groups * channels.1).multipliedSaturated(by: taps)
    }
}

extension MatmulParams {
    /// The number of terms of each sum.
    package func inner(_ a: Shape) -> Int { transposeA ? a[a.rank - 2] : a.channels }

    /// The multiply-adds of a batch of products.
    package func multiplyAdds(_ a: Shape, into c: Shape) -> Int { c.count.multipliedSaturated(by: inner(a)) }
}

/// The cost of attention in multiply-adds. Attention consists of matrix products, each T × T × E for every head.
package enum AttentionCost {
    /// The number of products in the forward pass: the scores, and the weighted sum of values.
    package static let forwardProducts = 2
    /// The number of products in the backward pass: the scores again, and the gradients of probabilities, queries, keys
    /// and values.
    package static let backwardProducts = 5

    /// The number of multiply-adds for some products; queries and keys are `[N, T, heads, E]`.
    package static func multiplyAdds(_ q: Shape, _ k: Shape, products: Int) -> Int {
        q.count.multipliedSaturated(by: products * k[1])
    }
}

// A network that is too large for any machine must not overflow the counts, which saturate at the largest integer.
extension Int {
    /// The sum, or the largest integer if the sum overflows.
    package func addingSaturated(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The product of two numbers that are not negative, or the largest integer if the product overflows.
    package func multipliedSaturated(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}

// The names of ops in a table of layers.

extension NormParams {
    /// The name of a normalisation with its epilogue in a table of layers, such as `batch norm, dropout, prelu`.
    func layer(_ epilogue: NormEpilogue?) -> String {
        let norm =
            switch kind {
            case .batch: "batch norm"
            case .instance: "instance norm"
            case .group: "group norm"
            case .layer: "layer norm"
            }
        guard let epilogue else { return norm }
        let followers = [
            epilogue.dropout.map { _ in "dropout" }, epilogue.residualBefore.map { _ in "add" },
            epilogue.activation == .identity ? nil : epilogue.activation.entry.words,
            epilogue.residualAfter.map { _ in "add" },
        ]
        return ([norm] + followers.compactMap(\.self)).joined(separator: ", ")
    }
}
