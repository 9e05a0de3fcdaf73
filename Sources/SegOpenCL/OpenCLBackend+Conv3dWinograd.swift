internal import SegBackend
internal import SegCore

/// The maximum number of floats in a part's transformed tiles, and in the part's products: 64 MiB each.
private let mostFloats = 1 << 24

extension Conv3dParams {
    /// Whether Winograd's algorithm supports the convolution and the transposed convolution of this geometry.
    var takesWinograd: Bool {
        kernel == Triple(3) && stride == Triple(1) && dilation == Triple(1) && groups == 1
    }
}

extension OpenCLBackend {
    /// The plans of both sizes of Winograd's algorithm if it supports the geometry in fp32; its transforms would lose
    /// too much accuracy with fewer bits.
    func winogradCandidates(_ params: Conv3dParams) -> [Conv3dPlan] {
        params.takesWinograd && precision == .fp32 ? Conv3dPlan.winogradSizes.map { .winograd($0) } : []
    }

    /// The forced size, if Winograd's algorithm supports the geometry.
    func forcedWinograd(_ params: Conv3dParams) -> Conv3dPlan? {
        guard case .winograd(let outputs)? = forcedPlan else { return nil }
        return winogradCandidates(params).first { $0 == .winograd(outputs) }
    }

    /// Computes a convolution, or a transposed convolution, part by part. A part has three steps: tiles are transformed,
    /// a product is computed for each point, and the products are transformed to outputs.
    func convolveByWinograd(
        _ grid: Conv3dGrid, _ operands: Conv3dOperands, weight: BufferView, transposed: Bool, outputs: Int
    ) throws {
        let points = (outputs + 2) * (outputs + 2) * (outputs + 2)
        let product = usualPlan(groupOutputs: operands.y.shape.channels, vectors: vectorRows)
        let pitch = operands.pitch(product)
        let packed = try winogradWeights(
            weight, operands, points: points, pitch: pitch, transposed: transposed, outputs: outputs)
        let tiles = WinogradTiles(operands, grid, outputs: outputs)
        let channels = (operands.x.shape.channels, operands.y.shape.channels)
        let most = max(1, mostFloats / (points * max(channels.0, channels.1)))
        let each = min(most, tiles.count)
        let transformed = try scratch(each * points * channels.0)
        let products = try scratch(each * points * channels.1)
        // A launch reads and writes its own tiles, not the whole of its argument arrays.
        func cost(_ columns: Int) -> LaunchCost {
            LaunchCost(multiplyAdds: 0, bytes: 4 * columns * (points + outputs * outputs * outputs))
        }
        for first in stride(from: 0, to: tiles.count, by: each) {
            let count = min(each, tiles.count - first)
            try launcher.run(
                winograd("winograd_inputs", outputs), tiles.grid(count * channels.0, points: outputs + 2),
                [.view(operands.x), .view(transformed), .triple(operands.x.shape.size, channels.0)]
                    + tiles.arguments(low: true, first: first) + [.long(count * channels.0)],
                cost(count * channels.0))
            let whole = Conv3dOperands(
                x: transformed.slice(0..<count * points * channels.0).reshaped([1, 1, 1, count, points * channels.0]),
                bias: nil,
                y: products.slice(0..<count * points * channels.1).reshaped([1, 1, 1, count, points * channels.1]),
                params: Conv3dParams(
                    kernel: Triple(1), stride: Triple(1), padding: Triple(0), dilation: Triple(1), groups: points),
                accumulate: false)
            try convolveGrid(
                Conv3dGrid(convolution: whole.params, input: whole.x.shape, output: whole.y.shape), whole, packed,
                by: product)
            try launcher.run(
                winograd("winograd_outputs", outputs), LaunchGrid(covering: count * channels.1),
                [
                    .view(products), .view(operands.bias), .view(operands.y),
                    .triple(operands.y.shape.size, channels.1),
                ] + tiles.arguments(low: false, first: first) + [
                    .long(count * channels.1), .flag(operands.accumulate),
                ], cost(count * channels.1))
        }
    }

    /// The weights of each point, as the groups of a 1³ convolution.
    private func winogradWeights(
        _ weight: BufferView, _ operands: Conv3dOperands, points: Int, pitch: Int, transposed: Bool, outputs: Int
    ) throws -> BufferView {
        let count = operands.x.shape.channels * pitch
        let packed = try scratch(count * points)
        try launcher.run(
            winograd("winograd_weights", outputs), LaunchGrid(covering: count),
            [
                .view(weight), .view(packed), .long(count), .int(operands.x.shape.channels),
                .int(operands.y.shape.channels), .int(pitch), .flag(!transposed), .flag(transposed),
            ])
        return packed
    }

    private func winograd(_ name: String, _ outputs: Int) -> Kernel {
        Kernel("conv3d/conv3d_winograd", name, defines: [("OUTPUTS", outputs)])
    }
}

/// The tiles of an output, and the offset of the first tile's inputs.
private struct WinogradTiles {
    private let counts: Triple
    private let batch: Int
    private let low: Triple

    init(_ operands: Conv3dOperands, _ grid: Conv3dGrid, outputs: Int) {
        let size = operands.y.shape.size
        func tiles(_ axis: Int) -> Int { (size[axis] + outputs - 1) / outputs }
        func low(_ axis: Int) -> Int { grid.axes[axis].taps.map(\.delta).min() ?? 0 }
        counts = Triple((0..<3).map(tiles))
        self.low = Triple((0..<3).map(low))
        batch = operands.y.shape.batch
    }

    var count: Int { batch * counts.count }

    /// A grid with one item for each tile, channel and point along d.
    func grid(_ items: Int, points: Int) -> LaunchGrid {
        let whole = LaunchGrid(covering: items)
        return LaunchGrid(groups: (whole.groups.0, points, 1), items: whole.items)
    }

    /// The arguments: the counts, for inputs the offset of a tile's first input, and the number of a launch's first
    /// tile.
    func arguments(low withLow: Bool, first: Int) -> [KernelArgument] {
        [.triple(counts, batch)] + (withLow ? [.triple(low, 0)] : []) + [.count(first)]
    }
}
