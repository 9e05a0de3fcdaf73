import CSegCPU
internal import SegBackend
internal import SegCore

/// The sizes in bytes of a packed input tile and of the weights that are used with it; both share the second-level
/// cache.
private let tileBudget = 512 << 10
private let panelBudget = 1 << 20
/// The minimum number of tasks of a convolution that is large enough.
private let leastTasks = 12

extension CPUBackend {
    /// Computes a convolution or a transposed convolution with the direct kernels, group by group.
    func convolve(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, _ gather: Conv3dGather,
        transposed: Bool, into y: BufferView, accumulate: Bool
    ) throws {
        let (inputs, outputs) = (x.shape.channels / params.groups, y.shape.channels / params.groups)
        let panel = Self.panelWidth(outputs)
        let panels = (outputs + panel - 1) / panel
        let packing = WeightPacking(
            params.kernel, gather, inputs: inputs, outputs: outputs, panel: panel, transposed: transposed)
        let packed = try allocate([packing.count], .f32)
        var conv = Self.geometry(gather, x: x.shape, y: y.shape, inputs: inputs, outputs: outputs, panel: panel)
        conv.accumulate = accumulate
        // With few taps, packing a tile again for each range of panels would take too large a share of the time.
        let ranges = params.kernel.count > 8 ? panels : 1
        let tiles = Self.tile(&conv, gather, batch: x.shape.batch, ranges: ranges, taps: packing.mostTaps)
        let scratchCount = segcpu_conv3d_scratch(&conv)
        let scratch = try allocate([threads.count * scratchCount], .f32)
        let offsets = packing.phases.map { Self.offsets(of: $0, conv) }

        for group in 0..<params.groups {
            packing.pack(weight.floats + group * weight.count / params.groups, into: packed.floats, threads)
            conv.input.x = UnsafePointer(x.floats + group * inputs)
            conv.y = y.floats + group * outputs
            conv.bias = bias.map { UnsafePointer($0.floats + group * outputs) }
            withPhases(conv, packing, offsets, packed) { phases in
                conv.phases = phases.baseAddress
                conv.phase_count = phases.count
                run(conv, tiles, batch: x.shape.batch, panels: panels, scratch.floats, scratchCount)
            }
        }
    }

    /// The number of output channels in a panel of packed weights: two vectors, one vector, or, if there are at most
    /// four output channels, all of them.
    private static func panelWidth(_ outputs: Int) -> Int {
        let lanes = Int(kernels.vec_lanes)
        if outputs <= min(4, lanes - 1) { return outputs }
        let rest = outputs % (2 * lanes)
        return rest == 0 || rest > lanes ? 2 * lanes : lanes
    }

    private static func geometry(
        _ gather: Conv3dGather, x: Shape, y: Shape, inputs: Int, outputs: Int, panel: Int
    ) -> segcpu_conv3d {
        var conv = segcpu_conv3d()
        conv.input.in = cTriple(x.size.array)
        conv.input.channels = inputs
        conv.input.pixel = x.channels
        conv.input.sample = x.positions * x.channels
        conv.out = cTriple(y.size.array)
        conv.out_channels = outputs
        conv.y_pixel = y.channels
        conv.y_sample = y.positions * y.channels
        conv.input.step = cTriple(gather.step)
        conv.out_step = cTriple(gather.outStep)
        conv.input.low = cTriple(gather.low)
        conv.panel = panel
        return conv
    }

    /// Chooses the tile and the number of input channels that are packed together; up to `ranges` tasks, each with a
    /// range of panels, may share the work of a tile.
    private static func tile(
        _ conv: inout segcpu_conv3d, _ gather: Conv3dGather, batch: Int, ranges: Int, taps: Int
    ) -> Conv3dTiles {
        let (span, step) = (gather.span, gather.step)
        func rows(_ size: [Int]) -> [Int] {
            [(size[0] - 1) * step[0] + span[0] + 1, (size[1] - 1) * step[1] + span[1] + 1, size[2] + span[2] / step[2]]
        }
        func plane(_ size: [Int]) -> Int {
            // An odd number of cache lines, so that the planes of a pixel do not fall in the same set of the cache.
            (rows(size).reduce(step[2], *) + 15) / 16 * 16 | 16
        }
        let channelBytes = max(taps, 1) * conv.panel * 4
        let blocks = max(1, (conv.input.channels * channelBytes + panelBudget - 1) / panelBudget)
        conv.block = (conv.input.channels + blocks - 1) / blocks
        let block = conv.block
        let tiles = Conv3dTiles.fitting(
            gather.extent, atLeast: max(1, leastTasks / (batch * ranges)), budget: tileBudget
        ) { plane($0) * block * 4 }
        conv.tile = cTriple(tiles.size)
        conv.input.rows = cTriple(rows(tiles.size))
        conv.input.plane = plane(tiles.size)
        return tiles
    }

    /// The offset in a packed tile that each tap of a phase reads.
    private static func offsets(of phase: WeightPacking.Phase, _ conv: segcpu_conv3d) -> [Int32] {
        phase.deltas.map { delta in
            let (d, h, w) = (delta[0] - conv.input.low.0, delta[1] - conv.input.low.1, delta[2] - conv.input.low.2)
            let row = (d * conv.input.rows.1 + h) * conv.input.step.2 + w % conv.input.step.2
            return Int32(row * conv.input.rows.2 + w / conv.input.step.2)
        }
    }

    private func withPhases(
        _ conv: segcpu_conv3d, _ packing: WeightPacking, _ offsets: [[Int32]], _ packed: BufferView,
        _ body: (UnsafeBufferPointer<segcpu_conv3d_phase>) -> Void
    ) {
        offsets.flatMap { $0 }.withUnsafeBufferPointer { all in
            var first = 0
            let phases = zip(packing.phases, offsets).map { phase, own in
                defer { first += own.count }
                return segcpu_conv3d_phase(
                    origin: cTriple(phase.axes.map(\.origin)), count: cTriple(phase.axes.map(\.count)),
                    offsets: all.baseAddress.map { $0 + first }, taps: own.count,
                    run: conv.input.step.2 == 1 && phase.axes[2].isRun ? max(1, phase.axes[2].taps.count) : 1,
                    weights: UnsafePointer(packed.floats + phase.start))
            }
            phases.withUnsafeBufferPointer(body)
        }
    }

    private func run(
        _ conv: segcpu_conv3d, _ tiles: Conv3dTiles, batch: Int, panels: Int, _ scratch: UnsafeMutablePointer<Float>,
        _ scratchCount: Int
    ) {
        let spatial = batch * tiles.count
        let groups = min(panels, (leastTasks + spatial - 1) / spatial)
        withUnsafePointer(to: conv) { conv in
            threads.run(spatial * groups) { task, thread in
                let (group, tile) = (task / spatial, task % spatial)
                tiles.start(of: tile % tiles.count).withUnsafeBufferPointer { start in
                    kernels.conv3d_tile(
                        conv, tile / tiles.count, start.baseAddress, panels * group / groups,
                        panels * (group + 1) / groups, scratch + thread * scratchCount)
                }
            }
        }
    }
}

/// The kernels' layout of weights: for each phase, panels of output channels, over input channels and taps.
private struct WeightPacking {
    struct Phase {
        let axes: [Conv3dGather.Axis]
        /// The indices of the taps in PyTorch's kernel, and the input offset of each tap.
        let taps: [Int32]
        let deltas: [[Int]]
        /// The index of the phase's first weight.
        let start: Int
    }

    let phases: [Phase]
    /// The total number of floats.
    let count: Int
    private let inputs: Int
    private let outputs: Int
    private let panel: Int
    private let strides: (output: Int, input: Int)

    init(_ kernel: Triple, _ gather: Conv3dGather, inputs: Int, outputs: Int, panel: Int, transposed: Bool) {
        let panels = (outputs + panel - 1) / panel
        var count = 0
        phases = gather.phases.map { axes in
            var taps: [Int32] = []
            var deltas: [[Int]] = []
            for d in axes[0].taps {
                for h in axes[1].taps {
                    for w in axes[2].taps {
                        taps.append(Int32((d.index * kernel.h + h.index) * kernel.w + w.index))
                        deltas.append([d.delta, h.delta, w.delta])
                    }
                }
            }
            defer { count += panels * inputs * taps.count * panel }
            return Phase(axes: axes, taps: taps, deltas: deltas, start: count)
        }
        self.count = count
        (self.inputs, self.outputs, self.panel) = (inputs, outputs, panel)
        strides = transposed ? (kernel.count, outputs * kernel.count) : (inputs * kernel.count, kernel.count)
    }

    /// The number of taps of the phase with the most taps.
    var mostTaps: Int { phases.map(\.taps.count).max() ?? 0 }

    /// Packs the weights of one group.
    func pack(_ weights: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>, _ threads: ThreadPool) {
        let panels = (outputs + panel - 1) / panel
        // Slices of input channels of about 16 000 weights.
        let slices = max(1, min(inputs, (inputs * max(mostTaps, 1) * panel) >> 14))
        threads.run(phases.count * panels * slices) { task, _ in
            let phase = phases[task / (panels * slices)]
            let (index, slice) = (task / slices % panels, task % slices)
            let (from, to) = (inputs * slice / slices, inputs * (slice + 1) / slices)
            let row = phase.taps.count * panel
            segcpu_conv3d_pack_weights(
                weights + index * panel * strides.output + from * strides.input, strides.output, strides.input,
                phase.taps, phase.taps.count, to - from, min(panel, outputs - index * panel), panel,
                packed + phase.start + (index * inputs + from) * row)
        }
    }
}
