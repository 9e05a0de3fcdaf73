import CSegCPU
internal import SegBackend
internal import SegCore

/// The maximum size in bytes of the sums of all chunks of a weight gradient; a single chunk may need more.
private let sumsBudget = 32 << 20
private let mostChunks = 8

extension CPUBackend {
    /// Computes a convolution by Winograd's algorithm, or with `transposed` a transposed convolution. At stride 1, a
    /// transposed convolution is a convolution whose weights are flipped along each axis.
    func convolveByWinograd(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, transposed: Bool,
        into y: BufferView, accumulate: Bool, form: WinogradForm
    ) throws {
        let (inputs, outputs) = (x.shape.channels, y.shape.channels)
        let taps = form.taps * form.taps * form.taps
        var conv = Self.winograd(form, x: x, y: y, params, transposed: transposed)
        conv.bias = bias.map { UnsafePointer($0.floats) }
        conv.accumulate = accumulate

        let matrices = segcpu_winograd_matrices(conv.form)
        let weights = try scratch(Float.self, matrices * withUnsafePointer(to: conv, segcpu_winograd_step))
        defer { weights.done() }
        withUnsafePointer(to: conv) { conv in
            let slices = min(inputs, 16)
            threads.run(slices) { slice, _ in
                kernels.winograd_transform_weights(
                    conv, weight.floats, transposed ? taps : inputs * taps, transposed ? outputs * taps : taps,
                    transposed, inputs * slice / slices, inputs * (slice + 1) / slices, weights.base)
            }
        }
        conv.weights = UnsafePointer(weights.base)
        try run(&conv, batch: x.shape.batch, outputs: outputs)
    }

    /// The geometry that a convolution and its weight gradient share; `y` is the output or its gradient.
    private static func winograd(
        _ form: WinogradForm, x: BufferView, y: BufferView, _ params: Conv3dParams, transposed: Bool
    ) -> segcpu_winograd {
        var conv = segcpu_winograd()
        conv.form = form.kernelForm(transposed: transposed)
        conv.x = UnsafePointer(x.floats)
        conv.in = cTriple(x.shape.size.array)
        conv.channels = x.shape.channels
        conv.x_pixel = x.shape.channels
        conv.x_sample = x.shape.positions * x.shape.channels
        conv.y = y.floats
        conv.out = cTriple(y.shape.size.array)
        conv.out_channels = y.shape.channels
        conv.y_pixel = y.shape.channels
        conv.y_sample = y.shape.positions * y.shape.channels
        // A transposed convolution of stride 2 starts at the input that its first output reads.
        let low = params.padding.array.map { !transposed ? -$0 : form.stride == 1 ? $0 + 1 - form.taps : 0 }
        conv.low = cTriple(low)
        let outputs = Int(conv.form.outputs)
        conv.counts = cTriple(y.shape.size.array.map { ($0 + outputs - 1) / outputs })
        return conv
    }

    /// Computes the weight gradient by Winograd's algorithm.
    ///
    /// Cubes are distributed to a fixed number of chunks. Each chunk has its own sums, which are added in order.
    func weightGradientByWinograd(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool,
        form: WinogradForm
    ) throws {
        let (inputs, outputs) = (x.shape.channels, upstream.shape.channels)
        var conv = Self.winograd(form, x: x, y: upstream, params, transposed: false)
        let cubes = conv.cubes
        let all = x.shape.batch * cubes
        let products = segcpu_winograd_matrices(conv.form) * withUnsafePointer(to: conv, segcpu_winograd_step)
        let chunks = max(1, min(mostChunks, sumsBudget / (products * 4), all / 56))
        conv.block = min(max(inputs, outputs) <= 64 ? 28 : 112, cubes)

        let parts = form.gradientParts
        let panel = segcpu_winograd_panel()
        let panels = (outputs + panel - 1) / panel
        let groups = min(panels, (2 * threads.count + parts * chunks - 1) / (parts * chunks))
        let scratchCount = withUnsafePointer(to: conv) { segcpu_winograd_gradient_scratch($0, outputs) }
        let memory = try scratch(Float.self, threads.count * scratchCount)
        defer { memory.done() }
        let sums = try scratch(Float.self, chunks * products)
        defer { sums.done() }
        let kernel = form == .phases3 ? kernels.phase_gradient_cubes : kernels.winograd_gradient_cubes
        withUnsafePointer(to: conv) { conv in
            threads.run(chunks * parts * groups) { task, thread in
                let (chunk, part, group) = (task / (parts * groups), task / groups % parts, task % groups)
                let (from, to) = (panels * group / groups * panel, min(outputs, panels * (group + 1) / groups * panel))
                let (begin, end) = (all * chunk / chunks, all * (chunk + 1) / chunks)
                var cube = begin
                while cube < end {
                    let (sample, first) = (cube / cubes, cube % cubes)
                    let count = min(end - cube, cubes - first)
                    kernel(
                        conv, Int32(part), sample, first, count, from, to, cube == begin, sums.base + chunk * products,
                        memory.base + thread * scratchCount)
                    cube += count
                }
            }
            let slices = min(inputs, 16)
            threads.run(slices) { slice, _ in
                kernels.winograd_gradient_taps(
                    conv, sums.base, chunks, inputs * slice / slices, inputs * (slice + 1) / slices, gw.floats,
                    accumulate)
            }
        }
    }

    /// Runs tasks of blocks of cubes. If there are fewer blocks than threads, the output channels are divided into
    /// ranges too. Neither division changes a bit of the result.
    private func run(_ conv: inout segcpu_winograd, batch: Int, outputs: Int) throws {
        let cubes = conv.cubes
        // A block should stay in the cache. Weights that are too wide for the cache are read again for each block.
        let channels = max(conv.channels, outputs)
        let most = channels > 128 ? 112 : conv.form.points >= 6 && channels > 16 ? 14 : 28
        let fair = (cubes * batch + 2 * threads.count - 1) / (2 * threads.count)
        let wanted = min(most, max(14, fair))
        let blocks = (cubes + wanted - 1) / wanted
        conv.block = (cubes + blocks - 1) / blocks
        let points = Int(conv.form.points)
        conv.transforms_all = points * points * points * conv.block * conv.channels * 4 <= 1 << 19
        let panel = segcpu_winograd_panel()
        let panels = (outputs + panel - 1) / panel
        let groups = min(panels, max(1, threads.count / (batch * blocks)))
        let scratchCount = withUnsafePointer(to: conv) { segcpu_winograd_scratch($0, outputs) }
        let memory = try scratch(Float.self, threads.count * scratchCount)
        defer { memory.done() }
        let kernel = segcpu_winograd_by_phases(conv.form) ? kernels.phase_cubes : kernels.winograd_cubes
        withUnsafePointer(to: conv) { conv in
            let block = conv.pointee.block
            threads.run(batch * blocks * groups) { task, thread in
                let (group, rest) = (task % groups, task / groups)
                let (sample, first) = (rest / blocks, rest % blocks * block)
                kernel(
                    conv, sample, first, min(block, cubes - first), panels * group / groups * panel,
                    min(outputs, panels * (group + 1) / groups * panel), memory.base + thread * scratchCount)
            }
        }
    }
}

extension segcpu_winograd {
    /// The number of cubes of one sample.
    fileprivate var cubes: Int { counts.0 * counts.1 * counts.2 }
}
