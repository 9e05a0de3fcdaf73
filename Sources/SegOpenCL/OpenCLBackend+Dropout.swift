public import SegBackend

extension OpenCLBackend {
    /// Runs one item per four elements, which is one draw of the generator.
    public func dropout(_ x: BufferView, _ params: DropoutParams, into y: BufferView, accumulate: Bool) throws {
        let channels = x.shape.channels
        try launcher.run(
            Kernel("dropout/dropout", "dropout"), LaunchGrid(covering: (x.count + 3) / 4),
            [
                .view(x), .view(y), .long(x.count), .long(channels * x.shape.positions), .count(channels),
                .flag(accumulate),
            ] + Optional(params).arguments)
    }
}
