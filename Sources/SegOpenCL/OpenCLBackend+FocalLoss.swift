public import SegBackend

extension OpenCLBackend {
    /// Runs one item per element, and then sums the results.
    public func focalLoss(
        _ logits: BufferView, labels: BufferView, _ params: FocalParams, into loss: BufferView
    ) throws {
        let terms = try scratch(logits.count)
        try launcher.run(
            Kernel("focal_loss/focal_loss", "focal_terms"), LaunchGrid(covering: logits.count),
            [.view(logits), .view(labels), .view(terms)] + focalArguments(params, logits.shape))
        try reduce(.sum, terms, outer: 1, inner: 1, into: loss, accumulate: false)
    }

    /// Runs one item per element.
    public func focalLossBackward(
        _ logits: BufferView, labels: BufferView, upstream: BufferView, _ params: FocalParams, into gx: BufferView,
        accumulate: Bool
    ) throws {
        try launcher.run(
            Kernel("focal_loss/focal_loss", "focal_gradient"), LaunchGrid(covering: logits.count),
            [.view(logits), .view(labels), .view(upstream), .view(gx)] + focalArguments(params, logits.shape)
                + [.flag(accumulate)])
    }

    /// The `FOCAL_ARGUMENTS` of focal_loss/focal_loss.cl.
    private func focalArguments(_ params: FocalParams, _ shape: Shape) throws -> [KernelArgument] {
        let shares = (0..<shape.channels).map {
            Float(params.share($0, of: shape.channels, samples: shape.batch, positions: shape.positions))
        }
        return [
            .view(try table(shares)), .long(shape.count), .count(shape.channels), .float(params.gamma),
            .float(params.alpha ?? 1), .float(params.alpha.map { 1 - $0 } ?? 1),
        ]
    }
}
