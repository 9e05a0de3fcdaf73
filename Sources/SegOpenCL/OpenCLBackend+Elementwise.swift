public import SegBackend

extension OpenCLBackend {
    /// Computes y. Operands that repeat as a whole are read by one index, four elements per item if everything is
    /// aligned; other broadcasts are read with strides.
    public func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws {
        guard y.count > 0 else { return }
        let broadcast = Broadcast(a.shape, b.shape, to: y.shape)
        guard let periods = broadcast.periods else { return try binaryByAxes(op, a, b, into: y, broadcast.axes[...]) }
        // A single number can be read at any vector width.
        let repeats = [(a, periods.a), (b, periods.b)].filter { $0.1 != 1 || y.count == 1 }
        let width = vectorWidth([y] + repeats.map(\.0), counts: [y.count] + repeats.map(\.1))
        func argument(_ period: Int) -> KernelArgument { .long(period == 1 && y.count != 1 ? 0 : period / width) }
        try launcher.run(
            Kernel("elementwise/arithmetic", "binary", defines: width == 1 ? [] : [("WIDTH", width)]),
            LaunchGrid(covering: y.count / width),
            [
                .view(a), .view(b), .view(y), .long(y.count / width), argument(periods.a), argument(periods.b),
                .int(op.number),
            ])
    }

    /// Runs kernels of four axes each; further outer axes are looped over on the host.
    private func binaryByAxes(
        _ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView, _ axes: ArraySlice<Broadcast.Axis>
    ) throws {
        guard let outer = axes.first, axes.count > 4 else {
            let four = [Broadcast.Axis](repeating: Broadcast.Axis(count: 1, a: 0, b: 0), count: 4 - axes.count) + axes
            func each(_ number: (Broadcast.Axis) -> Int) -> KernelArgument {
                .int4(number(four[0]), number(four[1]), number(four[2]), number(four[3]))
            }
            let count = axes.reduce(1) { $0 * $1.count }
            return try launcher.run(
                Kernel("elementwise/arithmetic", "binary_strided"), LaunchGrid(covering: count),
                [
                    .view(a), .view(b), .view(y), .long(count), each(\.count), each(\.a), each(\.b), .int(op.number),
                ])
        }
        let inner = axes.dropFirst().reduce(1) { $0 * $1.count }
        for i in 0..<outer.count {
            try binaryByAxes(
                op, a.advanced(by: i * outer.a), b.advanced(by: i * outer.b), into: y.advanced(by: i * inner),
                axes.dropFirst())
        }
    }

    /// The number of elements per item: 4 if every array begins and every count ends at a multiple of 4, else 1.
    private func vectorWidth(_ views: [BufferView], counts: [Int]) -> Int {
        (views.map(\.offset) + counts).allSatisfy { $0 % 4 == 0 } ? 4 : 1
    }

    /// Runs one item per four elements if the arrays are aligned, else per element.
    public func unary(_ op: UnaryOp, _ x: BufferView, into y: BufferView) throws {
        let width = vectorWidth([x, y], counts: [x.count])
        try launcher.run(
            Kernel("elementwise/arithmetic", "unary", defines: width == 1 ? [] : [("WIDTH", width)]),
            LaunchGrid(covering: x.count / width), [.view(x), .view(y), .long(x.count / width), .int(op.number)])
    }

    /// Runs one item per element.
    public func cast(_ x: BufferView, into y: BufferView) throws {
        try launcher.run(
            Kernel("elementwise/arithmetic", "cast"), LaunchGrid(covering: x.count),
            [.view(x), .view(y), .long(x.count)])
    }

    /// Runs one item per element.
    public func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws {
        try launcher.run(
            Kernel("elementwise/arithmetic", "scale"), LaunchGrid(covering: x.count),
            [.view(x), .view(y), .long(x.count), .float(alpha), .float(beta)])
    }
}

extension BufferView {
    /// A view that begins `elements` elements later. Its shape is one element; the kernel gets the real count as an
    /// argument.
    fileprivate func advanced(by elements: Int) -> BufferView {
        BufferView(buffer: buffer, offset: offset + elements, shape: [1], dtype: dtype)
    }
}
