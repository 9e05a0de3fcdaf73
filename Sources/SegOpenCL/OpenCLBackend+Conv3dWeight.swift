public import SegBackend

extension OpenCLBackend {
    /// See `ConvolutionOps.conv3dBackwardWeight`; the algorithm is chosen by `choose`.
    public func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        try conv3dBackwardWeight(
            x, upstream: upstream, params, into: gw, accumulate: accumulate,
            algorithm: Self.choose(params, outputs: upstream.shape.channels))
    }

    /// `conv3dBackwardWeight` by a given algorithm: parts over chunks of rows, then their sum in a fixed order.
    package func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool,
        algorithm: OpenCLConv3dAlgorithm
    ) throws {
        guard gw.count > 0 else { return }
        guard upstream.count > 0 else {
            if !accumulate { try fill(gw, with: 0) }
            return
        }
        let grid = Conv3dGather(convolution: params, input: x.shape, output: upstream.shape)
        let inputs = x.shape.channels / params.groups
        let outputs = upstream.shape.channels / params.groups
        let tile = GemmTile.forColumns(outputs)
        let tiles = (tile.groups(rows: grid.taps * inputs), tile.groups(columns: outputs))
        let groups =
            algorithm == .gemm
            ? tiles.0 * tiles.1 * params.groups : (gw.count + LaunchGrid.group - 1) / LaunchGrid.group
        let chunks = InnerSplit(inner: grid.rows, tiles: groups, results: gw.count)
        let partial = try scratch(chunks.count * gw.count)
        let operands: [KernelArgument] =
            [.view(x), .view(upstream), .view(partial)] + grid.arguments + [.int(inputs), .int(outputs)]
        switch algorithm {
        case .direct:
            let items = LaunchGrid(covering: gw.count)
            try launcher.run(
                Kernel("conv/conv3d_direct", "conv3d_weight_direct"),
                LaunchGrid(groups: (items.groups.0, chunks.count, 1), items: items.items),
                operands + [.long(gw.count), .count(grid.rows), .count(chunks.length)])
        case .gemm:
            try launcher.run(
                Kernel("conv/conv3d_weight_gemm", "conv3d_weight_gemm", defines: tile.defines),
                LaunchGrid(groups: (tiles.0, tiles.1, params.groups * chunks.count), items: tile.items),
                operands + [.count(grid.rows), .int(chunks.count), .count(chunks.length)])
        }
        try launcher.run(
            Kernel("conv/conv3d_pack", "conv3d_weight_finish"), LaunchGrid(covering: gw.count),
            [
                .view(partial), .view(gw), .long(gw.count), .int(grid.taps), .int(inputs),
                .int(upstream.shape.channels), .int(chunks.count), .flag(accumulate),
            ])
    }
}
