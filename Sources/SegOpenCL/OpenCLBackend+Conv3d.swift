public import SegBackend

/// How a convolution is computed.
package enum OpenCLConv3dAlgorithm: Hashable, Sendable, CaseIterable {
    /// An item an output, or a weight; any geometry.
    case direct
    /// An implicit matrix product through local memory; any geometry.
    case gemm
    /// Vectors of 16 outputs in registers, for devices that are CPUs; any geometry.
    case vector
}

/// Outputs of a vector, and rows of an item: `ROWS` in conv/conv3d_vector.cl.
private let (vectorOutputs, vectorRows) = (16, 6)

extension OpenCLBackend {
    /// See `ConvolutionOps.conv3d`: one grid.
    public func conv3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let grid = Conv3dGather(convolution: params, input: x.shape, output: y.shape)
        let operands = Conv3dOperands(x: x, bias: bias, y: y, groups: params.groups, accumulate: accumulate)
        try convolve([grid], operands, weight: weight, outputsFirst: true)
    }

    /// See `ConvolutionOps.convTranspose3d`: a dense convolution for each residue of the stride.
    public func convTranspose3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let phases = Conv3dGather.phases(transposed: params, input: x.shape, output: y.shape)
        let operands = Conv3dOperands(x: x, bias: bias, y: y, groups: params.groups, accumulate: accumulate)
        try convolve(phases, operands, weight: weight, outputsFirst: false)
    }

    /// Tiles and vectors of 16 outputs pay from some part of that number in a group.
    func choose(groupOutputs: Int) -> OpenCLConv3dAlgorithm {
        if let forcedConvolution { return forcedConvolution }
        if device.isGPU { return groupOutputs < 8 ? .direct : .gemm }
        return groupOutputs < 3 ? .direct : .vector
    }

    private func convolve(
        _ grids: [Conv3dGather], _ operands: Conv3dOperands, weight: BufferView, outputsFirst: Bool
    ) throws {
        guard operands.y.count > 0 else { return }
        let algorithm = choose(groupOutputs: operands.groupOutputs)
        let vectors = (operands.groupOutputs + vectorOutputs - 1) / vectorOutputs
        let pitch = algorithm == .vector ? vectors * vectorOutputs : operands.groupOutputs
        let packed = try pack(
            weight, operands, taps: grids[0].kernel.product, pitch: pitch, outputsFirst: outputsFirst)
        for grid in grids where grid.rows > 0 {
            switch algorithm {
            case .direct: try convolveDirectly(grid, operands, packed)
            case .gemm: try convolveByGemm(grid, operands, packed)
            case .vector: try convolveByVectors(grid, operands, packed, vectors: vectors)
            }
        }
    }

    /// The weights as `[taps, inputs of a group, groups, pitch]`.
    private func pack(
        _ weight: BufferView, _ operands: Conv3dOperands, taps: Int, pitch: Int, outputsFirst: Bool
    ) throws -> BufferView {
        let packed = try scratch(taps * operands.groupInputs * operands.groups * pitch)
        try launcher.run(
            Kernel("conv/conv3d_pack", "conv3d_pack"), LaunchGrid(covering: packed.count),
            [
                .view(weight), .view(packed), .long(packed.count), .int(taps), .int(operands.groupInputs),
                .int(operands.groupOutputs), .int(operands.groups), .int(pitch), .flag(outputsFirst),
            ])
        return packed
    }

    private func convolveByVectors(
        _ grid: Conv3dGather, _ operands: Conv3dOperands, _ packed: BufferView, vectors: Int
    ) throws {
        let blocks = (grid.rows + vectorRows - 1) / vectorRows
        let items = 8
        try launcher.run(
            Kernel("conv/conv3d_vector", "conv3d_vector"),
            LaunchGrid(groups: ((blocks + items - 1) / items, vectors, operands.groups), items: items),
            [.view(operands.x), .view(packed), .view(operands.bias), .view(operands.y)] + grid.arguments + [
                .int(operands.groupInputs), .int(operands.groupOutputs), .count(grid.rows),
                .int(vectors * vectorOutputs), .flag(operands.accumulate),
            ])
    }

    private func convolveDirectly(_ grid: Conv3dGather, _ operands: Conv3dOperands, _ packed: BufferView) throws {
        let count = grid.rows * grid.output.channels
        try launcher.run(
            Kernel("conv/conv3d_direct", "conv3d_direct"), LaunchGrid(covering: count),
            [.view(operands.x), .view(packed), .view(operands.bias), .view(operands.y)] + grid.arguments + [
                .int(operands.groupInputs), .int(operands.groupOutputs), .long(count), .flag(operands.accumulate),
            ])
    }

    private func convolveByGemm(_ grid: Conv3dGather, _ operands: Conv3dOperands, _ packed: BufferView) throws {
        let tile = GemmTile.forColumns(operands.groupOutputs)
        let tiles = (tile.groups(rows: grid.rows), tile.groups(columns: operands.groupOutputs))
        let split = InnerSplit(
            inner: grid.taps * operands.groupInputs, tiles: tiles.0 * tiles.1 * operands.groups,
            results: grid.rows * grid.output.channels)
        let partial = split.count > 1 ? try scratch(split.count * grid.rows * grid.output.channels) : nil
        try launcher.run(
            Kernel("conv/conv3d_gemm", "conv3d_gemm", defines: tile.defines),
            LaunchGrid(groups: (tiles.0, tiles.1, operands.groups * split.count), items: tile.items),
            [.view(operands.x), .view(packed), .view(operands.bias), .view(partial ?? operands.y)] + grid.arguments + [
                .int(operands.groupInputs), .int(operands.groupOutputs), .count(grid.rows), .int(split.count),
                .int(split.length), .flag(operands.accumulate),
            ])
        guard let partial else { return }
        let count = grid.rows * grid.output.channels
        try launcher.run(
            Kernel("conv/conv3d_gemm", "conv3d_finish", defines: tile.defines), LaunchGrid(covering: count),
            [.view(partial), .view(operands.bias), .view(operands.y)] + grid.arguments + [
                .long(count), .int(split.count), .flag(operands.accumulate),
            ])
    }
}

/// What every grid of a convolution shares.
private struct Conv3dOperands {
    let x: BufferView
    let bias: BufferView?
    let y: BufferView
    let groups: Int
    let accumulate: Bool

    var groupInputs: Int { x.shape.channels / groups }
    var groupOutputs: Int { y.shape.channels / groups }
}

/// A matrix product's inner axis cut into parts, so that few tiles still fill a device.
///
/// It depends on the sizes alone, so that sums are taken in the same order in every run.
struct InnerSplit {
    let count: Int
    /// Inner steps of a part, a multiple of the tile's.
    let length: Int

    /// Work-groups worth having, and the floats that parts may take: 64 MiB.
    private static let (enoughGroups, mostFloats) = (512, 1 << 24)

    init(inner: Int, tiles: Int, results: Int) {
        let steps = (inner + GemmTile.inner - 1) / GemmTile.inner
        let wanted = min(Self.enoughGroups / max(tiles, 1), steps / 8, Self.mostFloats / max(results, 1))
        let each = max(1, (steps + max(wanted, 1) - 1) / max(wanted, 1))
        count = max(1, (steps + each - 1) / each)
        length = each * GemmTile.inner
    }
}
