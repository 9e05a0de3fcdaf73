public import SegBackend

extension OpenCLBackend {
    /// Computes attention for blocks of queries and blocks of keys, with a running maximum and sum.
    public func attention(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, scale: Float, into y: BufferView, logSumExp: BufferView
    ) throws {
        let heads = try AttentionHeads(q.shape, self)
        try launcher.run(
            heads.kernel(.attention), heads.grid,
            [.view(q), .view(k), .view(v), .view(y), .view(logSumExp), .int(heads.tokens), .float(scale)],
            heads.cost(products: AttentionCost.forwardProducts))
    }

    /// Computes the gradients. The probabilities are recomputed block by block from `logSumExp`, once for q and once
    /// for k and v.
    public func attentionBackward(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, output y: BufferView, logSumExp: BufferView,
        upstream: BufferView, scale: Float, into gq: BufferView, _ gk: BufferView, _ gv: BufferView
    ) throws {
        let heads = try AttentionHeads(q.shape, self)
        let centres = try scratch(logSumExp.count)
        try launcher.run(
            heads.kernel(.attentionCentres), LaunchGrid(covering: logSumExp.count),
            [
                .view(y), .view(upstream), .view(centres), .long(logSumExp.count), .int(heads.tokens),
                .int(heads.heads),
            ])
        let inputs: [KernelArgument] = [
            .view(q), .view(k), .view(v), .view(upstream), .view(logSumExp), .view(centres),
        ]
        let sizes: [KernelArgument] = [.int(heads.tokens), .float(scale)]
        try launcher.run(
            heads.kernel(.attentionBackwardQ), heads.grid, inputs + [.view(gq)] + sizes, heads.cost(products: 3))
        try launcher.run(
            heads.kernel(.attentionBackwardKV), heads.grid, inputs + [.view(gk), .view(gv)] + sizes,
            heads.cost(products: 4))
    }
}

/// The sizes of `[N, T, heads, E]`, and blocks that fit in the device's local memory.
private struct AttentionHeads {
    let tokens: Int
    let heads: Int
    private let shape: Shape
    private let block: Int

    init(_ shape: Shape, _ backend: OpenCLBackend) throws {
        self.shape = shape
        (tokens, heads) = (shape[1], shape[2])
        let extent = shape[3]
        // Local memory contains three tiles of tokens, one tile of scores, and two numbers per token.
        let fits = { (block: Int) in
            4 * (3 * block * extent + block * block + 2 * block) <= backend.device.localMemory
        }
        guard let block = [32, 16, 8, 4, 2, 1].first(where: fits) else {
            throw BackendError.notSupported(
                backend: backend.name, op: "attention",
                reason: "heads of \(extent) channels do not fit in \(backend.device.localMemory) bytes of local memory")
        }
        self.block = block
    }

    /// The kernels of attention/attention.cl in the order of its `PART`s.
    enum Part: Int {
        case attention
        case attentionCentres
        case attentionBackwardQ
        case attentionBackwardKV
    }

    func kernel(_ part: Part) -> Kernel {
        let name =
            switch part {
            case .attention: "attention"
            case .attentionCentres: "attention_centres"
            case .attentionBackwardQ: "attention_backward_q"
            case .attentionBackwardKV: "attention_backward_kv"
            }
        return Kernel(
            "attention/attention", name, defines: [("PART", part.rawValue), ("EXTENT", shape[3]), ("BLOCK", block)])
    }

    /// The cost of a kernel that computes a number of T × T × E products.
    func cost(products: Int) -> LaunchCost {
        LaunchCost(multiplyAdds: AttentionCost.multiplyAdds(shape, shape, products: products), bytes: nil)
    }

    var grid: LaunchGrid {
        LaunchGrid(groups: ((tokens + block - 1) / block, heads, shape[0]), items: LaunchGrid.group)
    }
}
