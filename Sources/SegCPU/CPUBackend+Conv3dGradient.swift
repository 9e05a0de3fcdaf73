import CSegCPU
internal import SegBackend
internal import SegCore

/// The size in bytes of a packed tile of both factors.
private let tileBudget = 192 << 10
/// The size in bytes of all partial sums of a small gradient.
private let partialBudget = 2 << 20
private let leastTasks = 8
private let mostChunks = 32

extension CPUBackend {
    /// Computes the weight gradient with the direct kernels.
    ///
    /// Tiles are distributed to a fixed number of chunks. Each chunk has its own partial sums, which are added in
    /// order.
    func weightGradient(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        var gradient = Self.geometry(params, x: x.shape, upstream: upstream.shape)
        let tiles = Self.tile(&gradient, params)
        let offsets = Self.runOffsets(gradient, params)
        kernels.conv3d_gradient_layout(&gradient)

        let split = GradientSplit(gradient, tiles: x.shape.batch * tiles.count)
        let partial = try allocate([split.chunks * split.partialCount], .f32)
        let scratchCount = segcpu_conv3d_gradient_scratch(&gradient)
        let scratch = try allocate([threads.count * scratchCount], .f32)
        let outputs = gradient.out_channels
        for group in 0..<params.groups {
            gradient.input.x = UnsafePointer(x.floats + group * gradient.input.channels)
            gradient.dy = UnsafePointer(upstream.floats + group * outputs)
            offsets.withUnsafeBufferPointer { offsets in
                gradient.offsets = offsets.baseAddress
                run(gradient, tiles, split, partial.floats, scratch.floats, scratchCount)
            }
            let target = gw.floats + group * gw.count / params.groups
            withUnsafePointer(to: gradient) { gradient in
                let inputs = gradient.pointee.input.channels
                let slices = min(inputs, 4)
                threads.run((outputs + 15) / 16 * slices) { task, _ in
                    let (block, slice) = (task / slices, task % slices)
                    segcpu_conv3d_gradient_sum(
                        gradient, params.kernel.count, partial.floats, split.chunks, block * 16,
                        min(outputs, block * 16 + 16), inputs * slice / slices, inputs * (slice + 1) / slices, target,
                        accumulate)
                }
            }
        }
    }

    private static func geometry(_ params: Conv3dParams, x: Shape, upstream: Shape) -> segcpu_conv3d_gradient {
        let (inputs, outputs) = (x.channels / params.groups, upstream.channels / params.groups)
        var gradient = segcpu_conv3d_gradient()
        gradient.input.in = cTriple(x.size.array)
        gradient.input.channels = inputs
        gradient.input.pixel = x.channels
        gradient.input.sample = x.positions * x.channels
        gradient.out = cTriple(upstream.size.array)
        gradient.out_channels = outputs
        gradient.dy_pixel = upstream.channels
        gradient.dy_sample = upstream.positions * upstream.channels
        gradient.input.step = cTriple(params.stride.array)
        gradient.input.low = cTriple(params.padding.array.map(-))
        let taps = params.kernel.count
        if outputs <= 4 {
            gradient.form = SEGCPU_GRADIENT_PIXELS
        } else {
            gradient.form = inputs < 8 && inputs * taps <= 2048 ? SEGCPU_GRADIENT_UNFOLDED : SEGCPU_GRADIENT_TAPS
        }
        let together = gradient.form == SEGCPU_GRADIENT_UNFOLDED && params.dilation.w == 1 ? params.kernel.w : 1
        gradient.runs = gradient.form == SEGCPU_GRADIENT_PIXELS ? inputs * taps : taps / together
        gradient.run = together * inputs
        gradient.side = params.stride.w == 1 && params.dilation.w == 1 ? params.kernel.w : 1
        return gradient
    }

    private static func tile(_ gradient: inout segcpu_conv3d_gradient, _ params: Conv3dParams) -> Conv3dTiles {
        let (span, step) = (params.reach.array.map { $0 - 1 }, params.stride.array)
        let form = gradient.form
        let lanes = Int(kernels.vec_lanes)
        func rows(_ size: [Int]) -> [Int] {
            var rows = (0..<3).map { (size[$0] - 1) * step[$0] + span[$0] + 1 }
            if form == SEGCPU_GRADIENT_PIXELS {
                rows[2] = (size[2] + lanes - 1) / lanes * lanes + span[2] / step[2]
            }
            return rows
        }
        func plane(_ size: [Int]) -> Int { (rows(size).reduce(step[2], *) + 15) / 16 * 16 | 16 }
        let unfolded = form == SEGCPU_GRADIENT_UNFOLDED ? gradient.runs * gradient.run : 0
        let (inputs, outputs) = (gradient.input.channels, gradient.out_channels)
        let tiles = Conv3dTiles.fitting(
            [gradient.out.0, gradient.out.1, gradient.out.2], atLeast: 4, budget: tileBudget
        ) { size in
            let input = form == SEGCPU_GRADIENT_PIXELS ? plane(size) * inputs : rows(size).reduce(inputs, *)
            return 4 * (input + size.reduce(min(outputs, 32) + unfolded, *))
        }
        gradient.tile = cTriple(tiles.size)
        gradient.input.rows = cTriple(rows(tiles.size))
        gradient.input.plane = form == SEGCPU_GRADIENT_PIXELS ? plane(tiles.size) : 0
        return tiles
    }

    /// The offset in a packed tile at which each run of taps starts.
    private static func runOffsets(_ gradient: segcpu_conv3d_gradient, _ params: Conv3dParams) -> [Int32] {
        let (input, kernel) = (gradient.input, params.kernel)
        let positions = (0..<kernel.count).map { tap in
            Triple(tap / (kernel.h * kernel.w), tap / kernel.w % kernel.h, tap % kernel.w)
                .zip(params.dilation, *)
        }
        if gradient.form == SEGCPU_GRADIENT_PIXELS {
            return (0..<input.channels).flatMap { channel in
                positions.map { at in
                    let row = (at.d * input.rows.1 + at.h) * input.step.2 + at.w % input.step.2
                    return Int32(channel * input.plane + row * input.rows.2 + at.w / input.step.2)
                }
            }
        }
        return stride(from: 0, to: positions.count, by: gradient.run / input.channels).map { tap in
            let at = positions[tap]
            return Int32(((at.d * input.rows.1 + at.h) * input.rows.2 + at.w) * input.channels)
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
                        kernels.conv3d_gradient_tile(
                            gradient, tile / tiles.count, start.baseAddress, part.runs.lowerBound,
                            part.runs.upperBound, part.lanes.lowerBound, part.lanes.upperBound,
                            tile == part.tiles.lowerBound,
                            partial + part.chunk * split.partialCount, scratch + thread * scratchCount)
                    }
                }
            }
        }
    }
}

/// The division of a weight gradient into tasks: chunks of pixels, and for large weights also blocks of weights.
private struct GradientSplit {
    struct Part {
        let chunk: Int
        let tiles: Range<Int>
        let runs: Range<Int>
        let lanes: Range<Int>
    }

    let chunks: Int
    /// The number of floats in the sums of one chunk.
    let partialCount: Int
    private let tiles: Int
    private let runs: Int
    private let runGroups: Int
    private let vectors: Int
    private let blockWidth: Int
    private let blocks: Int

    init(_ gradient: segcpu_conv3d_gradient, tiles: Int) {
        self.tiles = tiles
        let pixels = gradient.form == SEGCPU_GRADIENT_PIXELS
        runs = gradient.form == SEGCPU_GRADIENT_UNFOLDED ? 1 : gradient.runs
        vectors = pixels ? 1 : gradient.vectors
        partialCount = withUnsafePointer(to: gradient) { segcpu_conv3d_gradient_count($0) }
        chunks = max(1, min(tiles, mostChunks, partialBudget / (partialCount * 4)))
        let width = pixels ? 1 : 2 * Int(kernels.vec_lanes)
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
