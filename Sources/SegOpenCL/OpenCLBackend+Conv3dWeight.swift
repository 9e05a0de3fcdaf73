public import SegBackend

/// Outputs of a vector, and inputs of an item: `INPUTS` in conv/conv3d_vector.cl.
private let (vectorOutputs, vectorInputs) = (16, 8)

extension OpenCLBackend {
    /// See `ConvolutionOps.conv3dBackwardWeight`: parts over chunks of rows, then their sum in a fixed order.
    public func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        guard gw.count > 0 else { return }
        guard upstream.count > 0 else {
            if !accumulate { try fill(gw, with: 0) }
            return
        }
        let gradient = WeightGradient(
            x: x, upstream: upstream, groups: params.groups,
            grid: Conv3dGather(convolution: params, input: x.shape, output: upstream.shape))
        let parts =
            switch choose(groupOutputs: gradient.groupOutputs) {
            case .direct: try partsDirectly(gradient)
            case .gemm: try partsByGemm(gradient)
            case .vector: try partsByVectors(gradient)
            }
        try launcher.run(
            Kernel("conv/conv3d_pack", "conv3d_weight_finish"), LaunchGrid(covering: gw.count),
            [
                .view(parts), .view(gw), .long(gw.count), .int(gradient.grid.taps), .int(gradient.groupInputs),
                .int(upstream.shape.channels), .int(parts.count / gw.count), .flag(accumulate),
            ])
    }

    private func partsDirectly(_ gradient: WeightGradient) throws -> BufferView {
        let items = LaunchGrid(covering: gradient.count)
        let chunks = InnerSplit(inner: gradient.grid.rows, tiles: items.groups.0, results: gradient.count)
        let parts = try scratch(chunks.count * gradient.count)
        try launcher.run(
            Kernel("conv/conv3d_direct", "conv3d_weight_direct"),
            LaunchGrid(groups: (items.groups.0, chunks.count, 1), items: items.items),
            gradient.arguments(into: parts) + [
                .long(gradient.count), .count(gradient.grid.rows), .count(chunks.length),
            ])
        return parts
    }

    private func partsByGemm(_ gradient: WeightGradient) throws -> BufferView {
        let tile = GemmTile.forColumns(gradient.groupOutputs)
        let tiles = (
            tile.groups(rows: gradient.grid.taps * gradient.groupInputs), tile.groups(columns: gradient.groupOutputs)
        )
        let chunks = InnerSplit(
            inner: gradient.grid.rows, tiles: tiles.0 * tiles.1 * gradient.groups, results: gradient.count)
        let parts = try scratch(chunks.count * gradient.count)
        try launcher.run(
            Kernel("conv/conv3d_weight_gemm", "conv3d_weight_gemm", defines: tile.defines),
            LaunchGrid(groups: (tiles.0, tiles.1, gradient.groups * chunks.count), items: tile.items),
            gradient.arguments(into: parts) + [
                .count(gradient.grid.rows), .int(chunks.count), .count(chunks.length),
            ])
        return parts
    }

    private func partsByVectors(_ gradient: WeightGradient) throws -> BufferView {
        let blocks = (gradient.groupInputs + vectorInputs - 1) / vectorInputs * gradient.grid.taps
        let vectors = (gradient.groupOutputs + vectorOutputs - 1) / vectorOutputs
        let lines = gradient.grid.lines
        // A CPU's caches rather than its units say how much a part should be: some lines of a volume.
        let wanted = min(16, lines, max(1, (1 << 24) / gradient.count))
        let length = (lines + wanted - 1) / wanted
        let chunks = (lines + length - 1) / length
        let parts = try scratch(chunks * gradient.count)
        let items = 8
        try launcher.run(
            Kernel("conv/conv3d_vector", "conv3d_weight_vector"),
            LaunchGrid(groups: ((blocks + items - 1) / items, vectors, gradient.groups * chunks), items: items),
            gradient.arguments(into: parts) + [.count(lines), .int(chunks), .count(length)])
        return parts
    }
}

/// The operands of a weight gradient and the sizes of its matrix.
private struct WeightGradient {
    let x: BufferView
    let upstream: BufferView
    let groups: Int
    let grid: Conv3dGather

    var groupInputs: Int { x.shape.channels / groups }
    var groupOutputs: Int { upstream.shape.channels / groups }

    /// Weights.
    var count: Int { grid.taps * groupInputs * upstream.shape.channels }

    func arguments(into parts: BufferView) -> [KernelArgument] {
        [.view(x), .view(upstream), .view(parts)] + grid.arguments + [.int(groupInputs), .int(groupOutputs)]
    }
}
