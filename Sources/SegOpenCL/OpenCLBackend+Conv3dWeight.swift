public import SegBackend

/// The default number of inputs of an item: `INPUTS` in conv3d/conv3d_vector.cl.
private let vectorInputs = 8

extension OpenCLBackend {
    /// See `ConvolutionOps.conv3dBackwardWeight`. Computes parts over chunks of rows, and then the sum of the parts in a
    /// fixed order.
    public func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        guard gw.count > 0 else { return }
        guard upstream.count > 0 else {
            if !accumulate { try fill(gw, with: 0) }
            return
        }
        let gradient = WeightGradient(
            x: x, upstream: upstream, params: params,
            grid: Conv3dGrid(convolution: params, input: x.shape, output: upstream.shape))
        let chosen = try plan(
            for: params.key("conv3dBackwardWeight", x.shape, upstream.shape) + precisionSuffix,
            usual: usualPlan(groupOutputs: gradient.groupOutputs, vectors: vectorInputs),
            candidates: convolutionCandidates
        ) { _ = try self.parts(gradient, by: $0) }
        try finish(gradient, self.parts(gradient, by: chosen), into: gw, accumulate: accumulate)
    }

    /// Computes a weight gradient with a given plan instead of the chosen one.
    func weightGradient(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, by plan: Conv3dPlan
    ) throws {
        let gradient = WeightGradient(
            x: x, upstream: upstream, params: params,
            grid: Conv3dGrid(convolution: params, input: x.shape, output: upstream.shape))
        try finish(gradient, parts(gradient, by: plan), into: gw, accumulate: false)
    }

    private func finish(
        _ gradient: WeightGradient, _ parts: BufferView, into gw: BufferView, accumulate: Bool
    ) throws {
        try launcher.run(
            Kernel("conv3d/conv3d_pack", "conv3d_weight_finish"), LaunchGrid(covering: gw.count),
            [
                .view(parts), .view(gw), .long(gw.count), .int(gradient.grid.taps), .int(gradient.groupInputs),
                .int(gradient.upstream.shape.channels), .int(parts.count / gw.count), .flag(accumulate),
            ])
    }

    /// The sums over chunks of rows: `[chunks, weights]`.
    private func parts(_ gradient: WeightGradient, by plan: Conv3dPlan) throws -> BufferView {
        switch plan {
        case .direct: try partsDirectly(gradient)
        case .gemm(let tile): try partsByGemm(gradient, tile)
        case .vector(let inputs): try partsByVectors(gradient, inputs: inputs)
        case .winograd: preconditionFailure("the plan \(plan) computes no weight gradient")
        }
    }

    private func partsDirectly(_ gradient: WeightGradient) throws -> BufferView {
        let items = LaunchGrid(covering: gradient.count)
        let chunks = InnerSplit(inner: gradient.grid.rows, tiles: items.groups.0, results: gradient.count)
        let parts = try scratch(chunks.count * gradient.count)
        try launcher.run(
            Kernel("conv3d/conv3d_direct", "conv3d_weight_direct"),
            LaunchGrid(groups: (items.groups.0, chunks.count, 1), items: items.items),
            gradient.arguments(into: parts) + [
                .long(gradient.count), .count(gradient.grid.rows), .count(chunks.length),
            ], gradient.cost(into: parts))
        return parts
    }

    private func partsByGemm(_ gradient: WeightGradient, _ tile: GemmTile) throws -> BufferView {
        let tiles = (
            tile.groups(rows: gradient.grid.taps * gradient.groupInputs), tile.groups(columns: gradient.groupOutputs)
        )
        let chunks = InnerSplit(
            inner: gradient.grid.rows, tiles: tiles.0 * tiles.1 * gradient.groups, results: gradient.count)
        let parts = try scratch(chunks.count * gradient.count)
        let isWide = gradient.holdsVectors && tile.fits(device, .weightGradient, isWide: true, matrixUnits)
        let kernel = isWide ? "conv3d_weight_gemm_wide" : "conv3d_weight_gemm"
        try launcher.run(
            Kernel("conv3d/\(kernel)", kernel, defines: defines(tile)),
            LaunchGrid(groups: (tiles.0, tiles.1, gradient.groups * chunks.count), items: tile.items),
            gradient.arguments(into: parts) + [
                .count(gradient.grid.rows), .int(chunks.count), .count(chunks.length),
            ], gradient.cost(into: parts))
        return parts
    }

    private func partsByVectors(_ gradient: WeightGradient, inputs: Int) throws -> BufferView {
        let blocks = (gradient.groupInputs + inputs - 1) / inputs * gradient.grid.taps
        let vectors = (gradient.groupOutputs + vectorOutputs - 1) / vectorOutputs
        let lines = gradient.grid.lines
        // A part covers whole lines of a volume, which suits a CPU's caches. There are at most 16 parts, and at most as
        // many as fit in 64 MiB; the number of compute units does not matter.
        let wanted = min(16, lines, max(1, (1 << 24) / gradient.count))
        let length = (lines + wanted - 1) / wanted
        let chunks = (lines + length - 1) / length
        let parts = try scratch(chunks * gradient.count)
        let items = 8
        try launcher.run(
            Kernel("conv3d/conv3d_vector", "conv3d_weight_vector", defines: [("INPUTS", inputs)]),
            LaunchGrid(groups: ((blocks + items - 1) / items, vectors, gradient.groups * chunks), items: items),
            gradient.arguments(into: parts) + [.count(lines), .int(chunks), .count(length)],
            gradient.cost(into: parts))
        return parts
    }
}

/// The operands of a weight gradient and the sizes of its matrix.
private struct WeightGradient {
    let x: BufferView
    let upstream: BufferView
    let params: Conv3dParams
    let grid: Conv3dGrid

    var groups: Int { params.groups }
    var groupInputs: Int { x.shape.channels / groups }
    var groupOutputs: Int { upstream.shape.channels / groups }

    /// Whether conv3d_weight_gemm_wide can compute the gradient.
    var holdsVectors: Bool {
        groupInputs % 4 == 0 && groupOutputs % 4 == 0 && [x, upstream].allSatisfy { Optional($0).holdsVectors }
    }

    /// The number of weights.
    var count: Int { grid.taps * groupInputs * upstream.shape.channels }

    func cost(into parts: BufferView) -> LaunchCost {
        LaunchCost(
            multiplyAdds: params.multiplyAdds(
                rows: grid.rows, channels: (x.shape.channels, upstream.shape.channels), taps: grid.taps),
            bytes: 4 * (x.count + upstream.count + parts.count))
    }

    func arguments(into parts: BufferView) -> [KernelArgument] {
        [.view(x), .view(upstream), .view(parts)] + grid.arguments + [.int(groupInputs), .int(groupOutputs)]
    }
}
