public import SegBackend

/// The maximum number of channels of rows that have their own gradient kernel: `NARROW` in norm/norm_activate.cl.
private let narrowChannels = 4

extension OpenCLBackend {
    /// Computes the moments of chunks and then merges them; layer normalisation reads each row twice.
    public func normStatistics(
        _ x: BufferView, _ params: NormParams, into mean: BufferView, _ variance: BufferView
    ) throws {
        guard x.count > 0 else { return }
        if params.kind == .layer { return try layerStatistics(x, into: mean, variance) }
        let partition = ColumnPartition(x.shape, mostChunks: ColumnPartition.sumChunks)
        let count = partition.outer * partition.chunks * partition.channels
        let (means, squares) = (try scratch(count), try scratch(count))
        try launcher.run(
            Kernel("norm/norm_statistics", "norm_moments"), partition.grid,
            [.view(x), .view(means), .view(squares)] + partition.arguments)
        let groups = StatisticsGroups(x.shape, params)
        try launcher.run(
            Kernel("norm/norm_statistics", "norm_merge"),
            LaunchGrid(groups: (mean.count, 1, 1), items: LaunchGrid.group),
            [.view(means), .view(squares), .view(mean), .view(variance), .count(partition.outer)]
                + partition.arguments + [.count(partition.chunks)] + groups.arguments)
    }

    private func layerStatistics(_ x: BufferView, into mean: BufferView, _ variance: BufferView) throws {
        let partition = RowPartition(rows: x.shape.rows, channels: x.shape.channels)
        try launcher.run(
            reducing("norm/norm_statistics", "layer_statistics"), partition.grid,
            [
                .view(x), .view(mean), .view(variance), .long(x.shape.rows), .count(x.shape.channels),
                .count(partition.lanes),
            ])
    }

    /// Calls `normActivate` without an epilogue.
    public func normalize(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, into y: BufferView
    ) throws {
        try normActivate(x, mean: mean, variance: variance, weight: weight, bias: bias, params, .none, into: y)
    }

    /// Calls `normActivateBackward` without an epilogue.
    public func normalizeBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        _ params: NormParams, into gradients: NormGradients
    ) throws {
        var own = gradients
        own.slope = nil
        own.residualBefore = nil
        try normActivateBackward(
            x, upstream: upstream, mean: mean, variance: variance, weight: weight, bias: nil, params, .none, into: own)
    }

    /// Computes y in one pass: x is read once, y is written once.
    public func normActivate(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, _ epilogue: NormEpilogue, into y: BufferView
    ) throws {
        guard x.count > 0 else { return }
        let partition = ColumnPartition(x.shape, mostChunks: nil)
        let operands = NormOperands(
            x: x, mean: mean, variance: variance, weight: weight, bias: bias, params: params, epilogue: epilogue)
        try launcher.run(
            Kernel("norm/norm_activate", "norm_activate"), partition.grid,
            operands.arguments(partition) + [.view(epilogue.residualAfter), .view(y)])
    }

    /// Computes the sums for the statistics and the parameters, and then the gradient; both recompute the
    /// pre-activation from x.
    public func normActivateBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        bias: BufferView?, _ params: NormParams, _ epilogue: NormEpilogue, into gradients: NormGradients
    ) throws {
        guard x.count > 0 else { return }
        let operands = NormOperands(
            x: x, mean: mean, variance: variance, weight: weight, bias: bias, params: params, epilogue: epilogue)
        let partition = ColumnPartition(x.shape, mostChunks: ColumnPartition.sumChunks)
        let part = partition.outer * partition.chunks * partition.channels
        let partial = try scratch(3 * part)
        try launcher.run(
            reducing("norm/norm_activate", "norm_sums"), partition.grid,
            operands.arguments(partition) + [.view(upstream), .view(gradients.residualBefore), .view(partial)])
        let targets = [gradients.bias, gradients.weight, epilogue.activation == .prelu ? gradients.slope : nil]
        for (index, target) in targets.enumerated() {
            if let target { try addColumns(partial.slice(index * part..<(index + 1) * part), to: target) }
        }
        if params.kind == .layer && x.shape.channels <= narrowChannels {
            return try launcher.run(
                Kernel("norm/norm_activate", "layer_narrow_gradient"), LaunchGrid(covering: x.shape.rows),
                operands.arguments(partition) + [
                    .view(upstream), .view(gradients.x), .long(x.shape.rows), .flag(gradients.accumulate),
                ])
        }
        let totals = try normTotals(operands, upstream: upstream, partial, partition)
        let whole = ColumnPartition(x.shape, mostChunks: nil)
        try launcher.run(
            Kernel("norm/norm_activate", "norm_gradient"), whole.grid,
            operands.arguments(whole) + [
                .view(upstream), .view(totals), .view(gradients.x), .long(mean.count), .flag(gradients.accumulate),
            ])
    }

    /// The means over each statistics group that the gradient subtracts.
    private func normTotals(
        _ operands: NormOperands, upstream: BufferView, _ partial: BufferView, _ partition: ColumnPartition
    ) throws -> BufferView {
        let statistics = operands.mean.count
        let totals = try scratch(2 * statistics)
        if operands.params.kind == .layer {
            let rows = RowPartition(rows: statistics, channels: partition.channels)
            try launcher.run(
                reducing("norm/norm_activate", "layer_totals"), rows.grid,
                operands.arguments(partition) + [
                    .view(upstream), .view(totals), .long(statistics), .count(rows.lanes),
                ])
        } else {
            let groups = StatisticsGroups(operands.x.shape, operands.params)
            try launcher.run(
                reducing("norm/norm_activate", "norm_totals"),
                LaunchGrid(groups: (statistics, 1, 1), items: LaunchGrid.group),
                [
                    .view(partial), .view(operands.weight), .view(totals), .count(partition.outer),
                    .count(partition.channels), .count(partition.chunks),
                ] + groups.arguments + [.float(Float(statistics) / Float(operands.x.count))])
        }
        return totals
    }
}

/// The arguments that the fused kernels of norm/norm_activate.cl share.
private struct NormOperands {
    let x: BufferView
    let mean: BufferView
    let variance: BufferView
    let weight: BufferView?
    let bias: BufferView?
    let params: NormParams
    let epilogue: NormEpilogue

    /// The `NORM_ARGUMENTS` of norm/norm_activate.cl.
    func arguments(_ partition: ColumnPartition) -> [KernelArgument] {
        let slope = epilogue.activation == .prelu ? epilogue.slope : nil
        return [
            .view(x), .view(mean), .view(variance), .view(weight), .view(bias), .view(slope),
            .view(epilogue.residualBefore),
        ] + partition.arguments + StatisticsGroups(x.shape, params).arguments
            + [.flag(params.kind == .layer), .float(params.epsilon)] + epilogue.activation.arguments
            + [.count(slope?.count ?? 1)] + epilogue.dropout.arguments
    }
}

/// The numbering of statistics: element (n, c) uses number n · perSample + c / channels. A layer norm has separate
/// statistics for each row.
private struct StatisticsGroups {
    let perSample: Int
    let channels: Int

    init(_ shape: Shape, _ params: NormParams) {
        (perSample, channels) =
            switch params.kind {
            case .batch: (0, 1)
            case .instance: (shape.channels, 1)
            case .group(let groups): (groups, shape.channels / groups)
            case .layer: (0, shape.channels)
            }
    }

    var arguments: [KernelArgument] { [.count(perSample), .count(channels)] }
}

extension NormEpilogue {
    /// An epilogue without steps.
    fileprivate static var none: NormEpilogue {
        NormEpilogue(dropout: nil, activation: .identity, slope: nil, residualBefore: nil, residualAfter: nil)
    }
}
