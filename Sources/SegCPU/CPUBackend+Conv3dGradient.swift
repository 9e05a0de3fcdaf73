import CSegCPU
internal import SegBackend

/// Bytes of a packed tile of both factors.
private let tileBudget = 192 << 10
/// Bytes of all partial sums of a small gradient.
private let partialBudget = 2 << 20
private let leastTasks = 8
private let mostChunks = 32

extension CPUBackend {
    /// The weight gradient by the direct kernels.
    ///
    /// Tiles are dealt to a fixed number of chunks, each with partial sums of its own that are added in order.
    func weightGradient(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        var gradient = Self.geometry(params, x: x.shape, upstream: upstream.shape)
        let tiles = Self.tile(&gradient, params)
        let offsets = Self.runOffsets(gradient, params)
        segcpu_conv3d_gradient_layout(&gradient)

        let split = GradientSplit(gradient, tiles: x.shape.batch * tiles.count)
        let partial = try allocate([split.chunks * split.partialCount], .f32)
        let scratchCount = segcpu_conv3d_gradient_scratch(&gradient)
        let scratch = try allocate([threads.count * scratchCount], .f32)
        let outputs = gradient.out_channels
        for group in 0..<params.groups {
            try fill(partial, with: 0)
            gradient.x = UnsafePointer(x.floats + group * gradient.channels)
            gradient.dy = UnsafePointer(upstream.floats + group * outputs)
            offsets.withUnsafeBufferPointer { offsets in
                gradient.offsets = offsets.baseAddress
                run(gradient, tiles, split, partial.floats, scratch.floats, scratchCount)
            }
            let target = gw.floats + group * gw.count / params.groups
            withUnsafePointer(to: gradient) { gradient in
                threads.run((outputs + 15) / 16) { block, _ in
                    segcpu_conv3d_gradient_sum(
                        gradient, params.kernel.product, partial.floats, split.chunks, block * 16,
                        min(outputs, block * 16 + 16), target, accumulate)
                }
            }
        }
    }

    private static func geometry(_ params: Conv3dParams, x: Shape, upstream: Shape) -> segcpu_conv3d_gradient {
        let (inputs, outputs) = (x.channels / params.groups, upstream.channels / params.groups)
        var gradient = segcpu_conv3d_gradient()
        gradient.in = cTriple(x.size.array)
        gradient.channels = inputs
        gradient.x_pixel = x.channels
        gradient.x_sample = x.positions * x.channels
        gradient.out = cTriple(upstream.size.array)
        gradient.out_channels = outputs
        gradient.dy_pixel = upstream.channels
        gradient.dy_sample = upstream.positions * upstream.channels
        gradient.step = cTriple(params.stride.array)
        gradient.low = cTriple(params.padding.array.map(-))
        gradient.unfold = (inputs < 8 || outputs <= 4) && inputs * params.kernel.product <= 2048
        gradient.swap = gradient.unfold && outputs <= 4
        let together = gradient.unfold && params.dilation.w == 1 ? params.kernel.w : 1
        gradient.runs = params.kernel.product / together
        gradient.run = together * inputs
        return gradient
    }

    private static func tile(_ gradient: inout segcpu_conv3d_gradient, _ params: Conv3dParams) -> Conv3dTiles {
        let (span, step) = (params.reach.array.map { $0 - 1 }, params.stride.array)
        func rows(_ size: [Int]) -> [Int] { (0..<3).map { (size[$0] - 1) * step[$0] + span[$0] + 1 } }
        let unfolded = gradient.unfold ? gradient.runs * gradient.run : 0
        let (inputs, outputs) = (gradient.channels, gradient.out_channels)
        let tiles = Conv3dTiles.fitting(
            [gradient.out.0, gradient.out.1, gradient.out.2], atLeast: 4, budget: tileBudget
        ) { size in
            4 * (rows(size).reduce(inputs, *) + size.reduce(min(outputs, 32) + unfolded, *))
        }
        gradient.tile = cTriple(tiles.size)
        gradient.rows = cTriple(rows(tiles.size))
        return tiles
    }

    /// Where each run of taps starts inside a packed, channels-last tile.
    private static func runOffsets(_ gradient: segcpu_conv3d_gradient, _ params: Conv3dParams) -> [Int32] {
        let together = gradient.run / gradient.channels
        return stride(from: 0, to: params.kernel.product, by: gradient.unfold ? together : 1).map { tap in
            let d = tap / (params.kernel.h * params.kernel.w) * params.dilation.d
            let h = tap / params.kernel.w % params.kernel.h * params.dilation.h
            let w = tap % params.kernel.w * params.dilation.w
            return Int32(((d * gradient.rows.1 + h) * gradient.rows.2 + w) * gradient.channels)
        }
    }

    private func run(
        _ gradient: segcpu_conv3d_gradient, _ tiles: Conv3dTiles, _ split: GradientSplit,
        _ partial: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>, _ scratchCount: Int
    ) {
        withUnsafePointer(to: gradient) { gradient in
            threads.run(split.tasks) { task, thread in
                let part = split.part(task)
                for tile in part.tiles {
                    tiles.start(of: tile % tiles.count).withUnsafeBufferPointer { start in
                        segcpu_conv3d_gradient_tile(
                            gradient, tile / tiles.count, start.baseAddress, part.runs.lowerBound,
                            part.runs.upperBound, part.lanes.lowerBound, part.lanes.upperBound,
                            partial + part.chunk * split.partialCount, scratch + thread * scratchCount)
                    }
                }
            }
        }
    }
}

/// How a weight gradient is cut: chunks of pixels, and for large weights blocks of them besides.
private struct GradientSplit {
    struct Part {
        let chunk: Int
        let tiles: Range<Int>
        let runs: Range<Int>
        let lanes: Range<Int>
    }

    let chunks: Int
    /// Floats of one chunk's sums.
    let partialCount: Int
    private let tiles: Int
    private let runs: Int
    private let runGroups: Int
    private let vectors: Int
    private let blockWidth: Int
    private let blocks: Int

    init(_ gradient: segcpu_conv3d_gradient, tiles: Int) {
        self.tiles = tiles
        runs = gradient.unfold ? 1 : gradient.runs
        vectors = gradient.vectors
        partialCount = runs * gradient.scalars * gradient.vectors
        chunks = max(1, min(tiles, mostChunks, partialBudget / (partialCount * 4)))
        let width = 2 * Int(segcpu_vector_lanes()) * (gradient.swap ? 2 : 1)
        let mostBlocks = (vectors + width - 1) / width
        let wanted = min(mostBlocks, (leastTasks + chunks - 1) / chunks)
        blockWidth = (mostBlocks + wanted - 1) / wanted * width
        blocks = (vectors + blockWidth - 1) / blockWidth
        runGroups = min(runs, max(1, leastTasks / (chunks * blocks)))
    }

    var tasks: Int { chunks * blocks * runGroups }

    func part(_ task: Int) -> Part {
        let chunk = task / (blocks * runGroups)
        let (block, group) = (task / runGroups % blocks, task % runGroups)
        return Part(
            chunk: chunk, tiles: tiles * chunk / chunks..<tiles * (chunk + 1) / chunks,
            runs: runs * group / runGroups..<runs * (group + 1) / runGroups,
            lanes: block * blockWidth..<min(vectors, (block + 1) * blockWidth))
    }
}
