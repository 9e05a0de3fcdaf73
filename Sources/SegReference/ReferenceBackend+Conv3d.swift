public import SegBackend
internal import SegCore

extension ReferenceBackend {
    /// y[coarse] = Σ over taps of weight[tap] · x[fine], plus bias.
    public func conv3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let taps = TapWeights(inputs: x.shape.channels, outputs: y.shape.channels, params)
        let (image, kernel) = try (factor(x), factor(weight))
        defer { withExtendedLifetime((image, kernel)) {} }
        let packed = taps.packed(kernel.doubles, outputsFirst: true)
        start(y, bias: bias, accumulate: accumulate)
        let (x, y, walk) = (image.doubles, y.doubles, TapWalk(params, fine: x.shape, coarse: y.shape))
        walk.forEach { coarse, fine, tap in
            taps.apply(packed, tap, x + fine * taps.inputs, y + coarse * taps.outputs)
        }
    }

    /// y[fine] = Σ over taps of weight[tap] · x[coarse], plus bias: the adjoint of `conv3d`.
    public func convTranspose3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let taps = TapWeights(inputs: x.shape.channels, outputs: y.shape.channels, params)
        let (image, kernel) = try (factor(x), factor(weight))
        defer { withExtendedLifetime((image, kernel)) {} }
        let packed = taps.packed(kernel.doubles, outputsFirst: false)
        start(y, bias: bias, accumulate: accumulate)
        let (x, y, walk) = (image.doubles, y.doubles, TapWalk(params, fine: y.shape, coarse: x.shape))
        walk.forEach { coarse, fine, tap in
            taps.apply(packed, tap, x + coarse * taps.inputs, y + fine * taps.outputs)
        }
    }

    /// gw[tap] = Σ over positions of x[fine] ⊗ upstream[coarse].
    public func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        let taps = TapWeights(inputs: x.shape.channels, outputs: upstream.shape.channels, params)
        let (image, gradient) = try (factor(x), factor(upstream))
        defer { withExtendedLifetime((image, gradient)) {} }
        var packed = [Double](repeating: 0, count: gw.count)
        packed.withUnsafeMutableBufferPointer { packed in
            guard let packed = packed.baseAddress else { return }
            let (x, dy, walk) = (
                image.doubles, gradient.doubles, TapWalk(params, fine: x.shape, coarse: upstream.shape)
            )
            walk.forEach { coarse, fine, tap in
                taps.addOuter(packed, tap, x + fine * taps.inputs, dy + coarse * taps.outputs)
            }
        }
        let gw = gw.doubles
        taps.forEachWeight(outputsFirst: true) { at, stored in
            gw[stored] = accumulate ? gw[stored] + packed[at] : packed[at]
        }
    }

    /// Initialises the sums of a convolution: with the bias or 0, added to y if `accumulate`.
    private func start(_ y: BufferView, bias: BufferView?, accumulate: Bool) {
        let channels = y.shape.channels
        let bias = bias?.doubles
        let (y, count) = (y.doubles, y.count)
        for i in 0..<count { y[i] = (accumulate ? y[i] : 0) + (bias.map { $0[i % channels] } ?? 0) }
    }
}

/// The pairs of positions that a kernel's taps connect: fine = coarse · stride − padding + tap · dilation.
///
/// A convolution reads fine positions and writes coarse ones; a transposed convolution does the opposite.
private struct TapWalk {
    let params: Conv3dParams
    let batch: Int
    let fine: Triple
    let coarse: Triple

    init(_ params: Conv3dParams, fine: Shape, coarse: Shape) {
        self.params = params
        self.batch = fine.batch
        self.fine = fine.size
        self.coarse = coarse.size
    }

    /// Calls `body` with the coarse row, the fine row and the tap of every pair inside both arrays.
    @inline(__always)
    func forEach(_ body: (_ coarse: Int, _ fine: Int, _ tap: Int) -> Void) {
        for n in 0..<batch {
            for d in 0..<coarse.d {
                for h in 0..<coarse.h {
                    for w in 0..<coarse.w {
                        let row = ((n * coarse.d + d) * coarse.h + h) * coarse.w + w
                        forEachTap(n, Triple(d, h, w)) { body(row, $0, $1) }
                    }
                }
            }
        }
    }

    @inline(__always)
    private func forEachTap(_ n: Int, _ at: Triple, _ body: (_ fine: Int, _ tap: Int) -> Void) {
        let origin = at.zip(params.stride, *).zip(params.padding, -)
        let (depths, heights, widths) = (taps(0, origin.d), taps(1, origin.h), taps(2, origin.w))
        for kd in depths {
            let plane = (n * fine.d + origin.d + kd * params.dilation.d) * fine.h
            for kh in heights {
                let line = (plane + origin.h + kh * params.dilation.h) * fine.w
                for kw in widths {
                    let tap = (kd * params.kernel.h + kh) * params.kernel.w + kw
                    body(line + origin.w + kw * params.dilation.w, tap)
                }
            }
        }
    }

    /// Returns the taps of an axis whose positions are inside the fine array.
    private func taps(_ axis: Int, _ origin: Int) -> Range<Int> {
        let dilation = params.dilation[axis]
        let first = origin < 0 ? (-origin + dilation - 1) / dilation : 0
        let room = fine[axis] - 1 - origin
        let end = room < 0 ? 0 : min(params.kernel[axis], room / dilation + 1)
        return first..<max(first, end)
    }
}

/// The weights of each tap as `[groups, inputs of a group, outputs of a group]` matrices.
private struct TapWeights {
    let inputs: Int
    let outputs: Int
    private let groups: Int
    private let groupInputs: Int
    private let groupOutputs: Int
    private let taps: Int

    init(inputs: Int, outputs: Int, _ params: Conv3dParams) {
        self.inputs = inputs
        self.outputs = outputs
        groups = params.groups
        groupInputs = inputs / params.groups
        groupOutputs = outputs / params.groups
        taps = params.kernel.count
    }

    /// Pairs each packed index `[tap, group, input, output]` with the stored one: `[out, in / groups, taps]`, or
    /// `[in, out / groups, taps]`.
    func forEachWeight(outputsFirst: Bool, _ body: (_ packed: Int, _ stored: Int) -> Void) {
        for g in 0..<groups {
            for i in 0..<groupInputs {
                for o in 0..<groupOutputs {
                    let pair =
                        outputsFirst
                        ? (g * groupOutputs + o) * groupInputs + i : (g * groupInputs + i) * groupOutputs + o
                    for t in 0..<taps {
                        body(((t * groups + g) * groupInputs + i) * groupOutputs + o, pair * taps + t)
                    }
                }
            }
        }
    }

    func packed(_ stored: UnsafeMutablePointer<Double>, outputsFirst: Bool) -> [Double] {
        var packed = [Double](repeating: 0, count: taps * groups * groupInputs * groupOutputs)
        forEachWeight(outputsFirst: outputsFirst) { packed[$0] = stored[$1] }
        return packed
    }

    /// y += weight[tap] · x, for one channel vector.
    @inline(__always)
    func apply(
        _ packed: [Double], _ tap: Int, _ x: UnsafeMutablePointer<Double>, _ y: UnsafeMutablePointer<Double>
    ) {
        packed.withUnsafeBufferPointer { packed in
            for g in 0..<groups {
                for i in 0..<groupInputs {
                    let value = x[g * groupInputs + i]
                    let row = ((tap * groups + g) * groupInputs + i) * groupOutputs
                    for o in 0..<groupOutputs { y[g * groupOutputs + o] += value * packed[row + o] }
                }
            }
        }
    }

    /// packed[tap] += x ⊗ dy, for one pair of channel vectors.
    @inline(__always)
    func addOuter(
        _ packed: UnsafeMutablePointer<Double>, _ tap: Int, _ x: UnsafeMutablePointer<Double>,
        _ dy: UnsafeMutablePointer<Double>
    ) {
        for g in 0..<groups {
            for i in 0..<groupInputs {
                let value = x[g * groupInputs + i]
                let row = ((tap * groups + g) * groupInputs + i) * groupOutputs
                for o in 0..<groupOutputs { packed[row + o] += value * dy[g * groupOutputs + o] }
            }
        }
    }
}
