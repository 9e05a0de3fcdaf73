public import SegBackend
internal import SegCore

/// The kind of kernel that computes a convolution.
package enum OpenCLConv3dAlgorithm: Hashable, Sendable, CaseIterable {
    /// One item per output, or per weight; supports any geometry.
    case direct
    /// An implicit matrix product through local memory; supports any geometry.
    case gemm
    /// Vectors of 16 outputs in registers, for devices that are CPUs; supports any geometry.
    case vector
}

/// The number of outputs per vector, and the default number of rows per item: `ROWS` in conv3d/conv3d_vector.cl.
let (vectorOutputs, vectorRows) = (16, 6)

extension OpenCLBackend {
    /// See `ConvolutionOps.conv3d`. Uses one grid.
    public func conv3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let grid = Conv3dGrid(convolution: params, input: x.shape, output: y.shape)
        let operands = Conv3dOperands(x: x, bias: bias, y: y, params: params, accumulate: accumulate)
        try convolveByChosenPlan([grid], operands, weight: weight, transposed: false)
    }

    /// See `ConvolutionOps.convTranspose3d`. Uses one grid, which is a dense convolution, for each residue of the output
    /// position modulo the stride.
    public func convTranspose3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let phases = Conv3dGrid.phases(transposed: params, input: x.shape, output: y.shape)
        let operands = Conv3dOperands(x: x, bias: bias, y: y, params: params, accumulate: accumulate)
        try convolveByChosenPlan(phases, operands, weight: weight, transposed: true)
    }

    /// Computes a convolution with a given plan instead of the chosen one.
    func convolveByGivenPlan(
        _ x: BufferView, weight: BufferView, _ params: Conv3dParams, into y: BufferView, _ plan: Conv3dPlan
    ) throws {
        let grid = Conv3dGrid(convolution: params, input: x.shape, output: y.shape)
        let operands = Conv3dOperands(x: x, bias: nil, y: y, params: params, accumulate: false)
        try convolveGrids([grid], operands, weight, false, by: plan)
    }

    /// The plan without tuning: the forced plan or the default one. The default is tiles (GPUs and matrix units) for at
    /// least 8 outputs of a group, or vectors of 16 outputs (other devices) for at least 3; else one item per output.
    func usualPlan(groupOutputs: Int, vectors: Int) -> Conv3dPlan {
        switch forcedPlan {
        case .tile(let index): return .gemm(GemmTile.candidates[index])
        case .algorithm(let algorithm): return fitting(algorithm.plan(groupOutputs: groupOutputs, vectors: vectors))
        case .winograd, nil: break
        }
        let usesTiles = device.isGPU || matrixUnits != nil
        let (few, other) = usesTiles ? (8, OpenCLConv3dAlgorithm.gemm) : (3, .vector)
        return fitting((groupOutputs < few ? .direct : other).plan(groupOutputs: groupOutputs, vectors: vectors))
    }

    /// Computes grids with the plan that is forced, tuned or the default for these sizes.
    private func convolveByChosenPlan(
        _ grids: [Conv3dGrid], _ operands: Conv3dOperands, weight: BufferView, transposed: Bool
    ) throws {
        guard operands.y.count > 0 else { return }
        let chosen = try plan(
            for: operands.key(transposed ? "convTranspose3d" : "conv3d") + precisionSuffix,
            usual: forcedWinograd(operands.params)
                ?? usualPlan(groupOutputs: operands.groupOutputs, vectors: vectorRows),
            candidates: convolutionCandidates + winogradCandidates(operands.params)
        ) {
            try convolveGrids(grids, operands.overwriting(scratch(operands.y.count)), weight, transposed, by: $0)
        }
        try convolveGrids(grids, operands, weight, transposed, by: chosen)
    }

    /// Packs the weights for a plan and computes every grid with the plan.
    private func convolveGrids(
        _ grids: [Conv3dGrid], _ operands: Conv3dOperands, _ weight: BufferView, _ transposed: Bool,
        by plan: Conv3dPlan
    ) throws {
        if case .winograd(let outputs) = plan {
            return try convolveByWinograd(
                grids[0], operands, weight: weight, transposed: transposed, outputs: outputs)
        }
        let packed = try pack(
            weight, operands, taps: grids[0].kernel.count, pitch: operands.pitch(plan), outputsFirst: !transposed)
        for grid in grids where grid.rows > 0 { try convolveGrid(grid, operands, packed, by: plan) }
    }

    /// Computes one grid with weights that are packed for the plan.
    func convolveGrid(
        _ grid: Conv3dGrid, _ operands: Conv3dOperands, _ packed: BufferView, by plan: Conv3dPlan
    ) throws {
        switch plan {
        case .direct: try convolveDirectly(grid, operands, packed)
        case .gemm(let tile): try convolveByGemm(grid, operands, packed, tile)
        case .vector(let rows): try convolveByVectors(grid, operands, packed, rows: rows)
        case .winograd: preconditionFailure("the plan \(plan) computes no single grid")
        }
    }

    /// The weights in the layout `[taps, inputs of a group, groups, pitch]`.
    private func pack(
        _ weight: BufferView, _ operands: Conv3dOperands, taps: Int, pitch: Int, outputsFirst: Bool
    ) throws -> BufferView {
        let count = taps * operands.groupInputs * operands.groups * pitch
        let packed = try scratch(halvesWeights ? (count + 1) / 2 : count)
        try launcher.run(
            Kernel("conv3d/conv3d_pack", "conv3d_pack", defines: weightDefines), LaunchGrid(covering: count),
            [
                .view(weight), .view(packed), .long(count), .int(taps), .int(operands.groupInputs),
                .int(operands.groupOutputs), .int(operands.groups), .int(pitch), .flag(outputsFirst),
            ])
        return packed
    }

    private func convolveByVectors(
        _ grid: Conv3dGrid, _ operands: Conv3dOperands, _ packed: BufferView, rows: Int
    ) throws {
        let pitch = operands.pitch(.vector(rows))
        let blocks = (grid.rows + rows - 1) / rows
        let items = 8
        try launcher.run(
            Kernel("conv3d/conv3d_vector", "conv3d_vector", defines: [("ROWS", rows)] + weightDefines),
            LaunchGrid(groups: ((blocks + items - 1) / items, pitch / vectorOutputs, operands.groups), items: items),
            [.view(operands.x), .view(packed), .view(operands.bias), .view(operands.y)] + grid.arguments + [
                .int(operands.groupInputs), .int(operands.groupOutputs), .count(grid.rows),
                .int(pitch), .flag(operands.accumulate),
            ], operands.cost(grid, packed))
    }

    private func convolveDirectly(_ grid: Conv3dGrid, _ operands: Conv3dOperands, _ packed: BufferView) throws {
        let count = grid.rows * grid.output.channels
        try launcher.run(
            Kernel("conv3d/conv3d_direct", "conv3d_direct", defines: weightDefines), LaunchGrid(covering: count),
            [.view(operands.x), .view(packed), .view(operands.bias), .view(operands.y)] + grid.arguments + [
                .int(operands.groupInputs), .int(operands.groupOutputs), .long(count), .flag(operands.accumulate),
            ], operands.cost(grid, packed))
    }

    private func convolveByGemm(
        _ grid: Conv3dGrid, _ operands: Conv3dOperands, _ packed: BufferView, _ tile: GemmTile
    ) throws {
        let tiles = (tile.groups(rows: grid.rows), tile.groups(columns: operands.groupOutputs))
        let split = InnerSplit(
            inner: grid.taps * operands.groupInputs, tiles: tiles.0 * tiles.1 * operands.groups,
            results: grid.rows * grid.output.channels)
        let partial = split.count > 1 ? try scratch(split.count * grid.rows * grid.output.channels) : nil
        let isWide =
            operands.holdsVectors(packed, into: partial ?? operands.y)
            && tile.fits(device, .convolution, isWide: true, matrixUnits)
        let kernel = isWide ? "conv3d_gemm_wide" : "conv3d_gemm"
        try launcher.run(
            Kernel("conv3d/\(kernel)", kernel, defines: defines(tile) + weightDefines),
            LaunchGrid(groups: (tiles.0, tiles.1, operands.groups * split.count), items: tile.items),
            [.view(operands.x), .view(packed), .view(operands.bias), .view(partial ?? operands.y)] + grid.arguments + [
                .int(operands.groupInputs), .int(operands.groupOutputs), .count(grid.rows), .int(split.count),
                .int(split.length), .flag(operands.accumulate),
            ], operands.cost(grid, packed))
        guard let partial else { return }
        let count = grid.rows * grid.output.channels
        try launcher.run(
            Kernel("conv3d/conv3d_gemm", "conv3d_finish", defines: defines(tile) + weightDefines),
            LaunchGrid(covering: count),
            [.view(partial), .view(operands.bias), .view(operands.y)] + grid.arguments + [
                .long(count), .int(split.count), .flag(operands.accumulate),
            ])
    }
}

/// The operands that all grids of a convolution share.
struct Conv3dOperands {
    let x: BufferView
    let bias: BufferView?
    let y: BufferView
    let params: Conv3dParams
    let accumulate: Bool

    var groups: Int { params.groups }
    var groupInputs: Int { x.shape.channels / groups }
    var groupOutputs: Int { y.shape.channels / groups }

    /// Whether conv3d_gemm_wide can compute the convolution: inputs are whole inner steps, and outputs whole vectors.
    func holdsVectors(_ packed: BufferView, into results: BufferView) -> Bool {
        groupInputs % GemmTile.inner == 0 && groupOutputs % 4 == 0
            && [x, packed, bias, results].allSatisfy(\.holdsVectors)
    }

    /// The number of outputs of a group in packed weights, padded to whole vectors for the plan `vector`.
    func pitch(_ plan: Conv3dPlan) -> Int {
        guard case .vector = plan else { return groupOutputs }
        return (groupOutputs + vectorOutputs - 1) / vectorOutputs * vectorOutputs
    }

    /// The same operands with another output: `memory`, which has as many elements.
    func overwriting(_ memory: BufferView) -> Conv3dOperands {
        Conv3dOperands(x: x, bias: bias, y: memory.reshaped(y.shape), params: params, accumulate: false)
    }

    func key(_ op: String) -> String { params.key(op, x.shape, y.shape) }

    /// The cost of one grid: all of x and the weights, and the outputs that the grid writes.
    func cost(_ grid: Conv3dGrid, _ packed: BufferView) -> LaunchCost {
        LaunchCost(
            multiplyAdds: params.multiplyAdds(
                rows: grid.rows, channels: (x.shape.channels, y.shape.channels), taps: grid.taps),
            bytes: 4 * (x.count + packed.count + grid.rows * y.shape.channels))
    }
}

extension Conv3dParams {
    /// The key of an op and its sizes in a tuning file.
    func key(_ op: String, _ x: Shape, _ y: Shape) -> String {
        func text(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: "x") }
        return "\(op) \(text(x.dimensions)) to \(text(y.dimensions)) k\(text(kernel.array)) s\(text(stride.array)) "
            + "p\(text(padding.array)) d\(text(dilation.array)) g\(groups)"
    }
}

/// The division of a matrix product's inner axis into parts, so that a product with few tiles still uses the whole
/// device.
///
/// It depends on the sizes alone, so sums are added in the same order in every run.
struct InnerSplit {
    let count: Int
    /// The length of a part along the inner axis, a multiple of the tile's inner size.
    let length: Int

    /// The number of work-groups that is enough for a device, and the maximum number of floats in all parts together:
    /// 64 MiB.
    private static let (enoughGroups, mostFloats) = (512, 1 << 24)

    init(inner: Int, tiles: Int, results: Int) {
        let steps = (inner + GemmTile.inner - 1) / GemmTile.inner
        let wanted = min(Self.enoughGroups / max(tiles, 1), steps / 8, Self.mostFloats / max(results, 1))
        let each = max(1, (steps + max(wanted, 1) - 1) / max(wanted, 1))
        count = max(1, (steps + each - 1) / each)
        length = each * GemmTile.inner
    }
}
