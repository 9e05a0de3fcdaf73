internal import SegBackend
internal import SegCore

/// A convolution or one phase of a transposed convolution, as the gather of common/gather.cl: row j of a grid writes
/// output `outFirst + j · outStep` and reads input `j · inStep + delta` for each of its taps.
struct Conv3dGrid {
    /// One axis: the number of rows, and the taps, whose indices and offsets are arithmetic progressions.
    struct Axis {
        var rows: Int
        var outFirst: Int
        var outStep: Int
        var inStep: Int
        var taps: [(index: Int, delta: Int)]

        var tapStep: Int { taps.count > 1 ? taps[1].index - taps[0].index : 1 }
        var deltaStep: Int { taps.count > 1 ? taps[1].delta - taps[0].delta : 1 }
    }

    let axes: [Axis]
    let batch: Int
    let input: Shape
    let output: Shape
    let kernel: Triple

    /// Creates the single grid of a convolution, with all taps.
    init(convolution params: Conv3dParams, input: Shape, output: Shape) {
        let axes = (0..<3).map { axis in
            Axis(
                rows: output.size[axis], outFirst: 0, outStep: 1, inStep: params.stride[axis],
                taps: (0..<params.kernel[axis]).map { ($0, $0 * params.dilation[axis] - params.padding[axis]) })
        }
        self.init(axes, input, output, params)
    }

    private init(_ axes: [Axis], _ input: Shape, _ output: Shape, _ params: Conv3dParams) {
        (self.axes, self.input, self.output, batch, kernel) = (axes, input, output, input.batch, params.kernel)
    }

    /// The grids of a transposed convolution, one for each residue of the output position modulo the stride.
    static func phases(transposed params: Conv3dParams, input: Shape, output: Shape) -> [Conv3dGrid] {
        let axes = (0..<3).map { axis in
            (0..<min(params.stride[axis], output.size[axis])).map { first in
                phase(first, axis, params, extent: output.size[axis])
            }
        }
        return axes[0].flatMap { d in
            axes[1].flatMap { h in axes[2].map { w in Conv3dGrid([d, h, w], input, output, params) } }
        }
    }

    private static func phase(_ first: Int, _ axis: Int, _ params: Conv3dParams, extent: Int) -> Axis {
        let stride = params.stride[axis]
        let taps = (0..<params.kernel[axis]).compactMap { k -> (Int, Int)? in
            let distance = first + params.padding[axis] - k * params.dilation[axis]
            return distance % stride == 0 ? (k, distance / stride) : nil
        }
        return Axis(
            rows: (extent - first + stride - 1) / stride, outFirst: first, outStep: stride, inStep: 1, taps: taps)
    }

    /// The number of rows of the grid.
    var rows: Int { axes.reduce(batch) { $0 * $1.rows } }

    /// The number of runs of rows along the width.
    var lines: Int { batch * axes[0].rows * axes[1].rows }

    /// The number of taps of the grid.
    var taps: Int { axes.reduce(1) { $0 * $1.taps.count } }

    /// The `GATHER_ARGUMENTS` of common/gather.cl.
    var arguments: [KernelArgument] {
        func each(_ fourth: Int, _ value: (Axis) -> Int) -> KernelArgument {
            .int4(value(axes[0]), value(axes[1]), value(axes[2]), fourth)
        }
        return [
            .triple(input.size, input.channels), .triple(output.size, output.channels), each(batch) { $0.rows },
            each(0) { $0.outFirst }, each(0) { $0.outStep }, each(0) { $0.inStep }, .triple(kernel, 0),
            // A grid without taps divides by these counts too, so they are at least 1.
            .int4(axes[0].taps.count, max(1, axes[1].taps.count), max(1, axes[2].taps.count), taps),
            each(0) { $0.taps.first?.index ?? 0 }, each(0) { $0.tapStep }, each(0) { $0.taps.first?.delta ?? 0 },
            each(0) { $0.deltaStep },
        ]
    }
}
