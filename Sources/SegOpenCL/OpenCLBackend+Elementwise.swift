public import SegBackend

extension OpenCLBackend {
    /// An item an element.
    public func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws {
        let code =
            switch op {
            case .add: 0
            case .subtract: 1
            case .multiply: 2
            case .divide: 3
            }
        try launcher.run(
            Kernel("elementwise/arithmetic", "binary"), LaunchGrid(covering: a.count),
            [.view(a), .view(b), .view(y), .long(a.count), .long(b.count), .int(code)])
    }

    /// An item an element.
    public func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws {
        try launcher.run(
            Kernel("elementwise/arithmetic", "scale"), LaunchGrid(covering: x.count),
            [.view(x), .view(y), .long(x.count), .float(alpha), .float(beta)])
    }

    /// Four elements an item: one draw of the generator.
    public func dropout(_ x: BufferView, _ params: DropoutParams, into y: BufferView, accumulate: Bool) throws {
        let channels = x.shape.channels
        try launcher.run(
            Kernel("elementwise/arithmetic", "dropout"), LaunchGrid(covering: (x.count + 3) / 4),
            [
                .view(x), .view(y), .long(x.count), .long(channels * x.shape.positions), .count(channels),
                .flag(accumulate),
            ] + Optional(params).arguments)
    }

    /// Adds the sums of the columns of parts `[parts, C]` to an array of `[C]`, or the sum of all to one of `[1]`.
    func addColumns(_ partial: BufferView, to gradient: BufferView) throws {
        try reduce(.sum, partial, outer: 1, inner: gradient.count, into: gradient, accumulate: true)
    }
}
