internal import SegCore

/// One op that a backend is asked for: its name, the arrays it reads and writes, and what it costs.
package struct OpCall: Sendable {
    /// The function of `Backend`, such as `conv3d`.
    package let name: String
    /// Arrays that are read; of a layer, its input first.
    package let reads: [BufferView]
    /// Arrays that are written or added to, the result first.
    package let writes: [BufferView]
    /// Multiplications with an addition, of products alone; 0 for an op that only moves or maps elements.
    package let multiplyAdds: Int
    /// What a table of layers calls the op, such as `conv 3×3×3`; nil for a step of a layer, such as a copy, and for
    /// gradients, losses and optimisers.
    package let layer: String?
    /// Bytes where an op touches only a part of its arrays.
    private let partBytes: Int?

    /// Describes a call; arrays that are absent are left out.
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

    /// Bytes of the arrays that are read or written, each array counted once.
    package var bytes: Int {
        partBytes ?? (reads + writes).map { $0.count * $0.dtype.byteCount }.reduce(0, +)
    }

    /// What the call asks of a device; a multiply-add counts as two operations.
    package var work: DeviceWork {
        DeviceWork(flops: multiplyAdds.multipliedSaturated(by: 2), bytes: bytes, commands: 1)
    }
}

// What products cost, counted in one place for profiles, summaries, benchmarks and OpenCL's launches.

extension Conv3dParams {
    /// Multiply-adds of a convolution, of a transposed one and of their gradients; taps in the padding are included.
    /// - Parameters:
    ///   - coarse: The output of a convolution, or the input of a transposed one.
    ///   - fine: The array on the other side.
    package func multiplyAdds(coarse: Shape, fine: Shape) -> Int {
        multiplyAdds(rows: coarse.rows, channels: (coarse.channels, fine.channels), taps: kernel.count)
    }

    /// Multiply-adds of a number of channel vectors and of taps, such as a phase of a transposed convolution has.
    package func multiplyAdds(rows: Int, channels: (Int, Int), taps: Int) -> Int {
        rows.multipliedSaturated(by: channels.0 / groups * channels.1).multipliedSaturated(by: taps)
    }
}

extension MatmulParams {
    /// Terms of each sum.
    package func inner(_ a: Shape) -> Int { transposeA ? a[a.rank - 2] : a.channels }

    /// Multiply-adds of a batch of products.
    package func multiplyAdds(_ a: Shape, into c: Shape) -> Int { c.count.multipliedSaturated(by: inner(a)) }
}

/// Multiply-adds of attention: a product of T × T × E for each head, as often as an implementation makes one.
package enum AttentionCost {
    /// Scores, and the sum of values.
    package static let forwardProducts = 2
    /// Scores again, and the gradients of probabilities, queries, keys and values.
    package static let backwardProducts = 5

    /// Multiply-adds of a number of products of queries `[N, T, heads, E]` and keys.
    package static func multiplyAdds(_ q: Shape, _ k: Shape, products: Int) -> Int {
        q.count.multipliedSaturated(by: products * k[1])
    }
}

// Counts of a network that nobody could run stop at the largest number there is.
extension Int {
    /// The sum, or the largest number there is.
    package func addingSaturated(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The product of two numbers that are not negative, or the largest number there is.
    package func multipliedSaturated(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}

// Ops as a table of layers calls them.

extension NormParams {
    /// Norm and followers as a table of layers calls them, such as `batch norm, dropout, prelu`.
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
