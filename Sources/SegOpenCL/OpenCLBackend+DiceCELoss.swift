public import SegBackend

extension OpenCLBackend {
    /// Computes the normalisers of rows, the sums over columns, and in a last work-group the loss.
    public func diceCELoss(
        _ logits: BufferView, labels: BufferView, _ params: DiceCEParams, into loss: BufferView, sums: BufferView
    ) throws {
        let operands = try DiceOperands(self, logits, params)
        let partition = ColumnPartition(logits.shape, mostChunks: ColumnPartition.sumChunks)
        let (samples, channels) = (partition.outer, partition.channels)
        let part = samples * partition.chunks * channels
        let partial = try scratch(5 * part)
        try launcher.run(
            reducing("dice_ce_loss/dice_ce_loss", "dice_sums"), partition.grid,
            [
                .view(logits), .view(labels), .view(operands.normalizers), .view(operands.weights), .view(partial),
            ] + partition.arguments + operands.kinds)
        let entropies = try scratch(samples * channels)
        try reduce(
            .sum, partial.slice(0..<4 * part), outer: 4 * samples, inner: channels, into: sums, accumulate: false)
        try reduce(
            .sum, partial.slice(4 * part..<5 * part), outer: samples, inner: channels, into: entropies,
            accumulate: false)
        try launcher.run(
            reducing("dice_ce_loss/dice_ce_loss", "dice_loss"), LaunchGrid(covering: 1),
            [.view(sums), .view(entropies), .view(loss)] + operands.termArguments)
    }

    /// Computes the slopes of each sample and class, and then the gradient with one item per row.
    public func diceCELossBackward(
        _ logits: BufferView, labels: BufferView, sums: BufferView, upstream: BufferView, _ params: DiceCEParams,
        into gx: BufferView, accumulate: Bool
    ) throws {
        let operands = try DiceOperands(self, logits, params)
        let (samples, channels) = (logits.shape.batch, logits.shape.channels)
        let slopes = try scratch(2 * samples * channels + 1)
        try launcher.run(
            Kernel("dice_ce_loss/dice_ce_loss", "dice_slopes"), LaunchGrid(covering: samples * channels),
            [.view(sums), .view(upstream), .view(slopes)] + operands.termArguments)
        try launcher.run(
            Kernel("dice_ce_loss/dice_ce_loss", "dice_gradient"), LaunchGrid(covering: logits.shape.rows),
            [
                .view(logits), .view(labels), .view(operands.normalizers), .view(operands.weights), .view(slopes),
                .view(gx), .count(samples), .count(channels), .long(logits.shape.positions),
            ] + operands.kinds + [.flag(accumulate)])
    }
}

/// The operands that the loss and its gradient share.
private struct DiceOperands {
    /// The largest logit and the sum of exponentials of each row; nil if no softmax is computed.
    let normalizers: BufferView?
    /// The class weights; nil if all are 1.
    let weights: BufferView?
    /// The number of the function that makes predictions, and flags for squares, cross entropy and regions.
    let kinds: [KernelArgument]
    /// The `DICE_ARGUMENTS` of dice_ce_loss/dice_ce_loss.cl.
    let termArguments: [KernelArgument]

    init(_ backend: OpenCLBackend, _ logits: BufferView, _ params: DiceCEParams) throws {
        let shape = logits.shape
        let hasEntropy = params.lambdaCE != 0
        let code =
            switch params.probabilities {
            // As in MONAI, a single channel has no softmax.
            case .softmax: shape.channels > 1 ? 0 : 2
            case .sigmoid: 1
            case .identity: 2
            }
        weights = try backend.table(params.classWeights)
        let isBinary = params.isBinary(channels: shape.channels)
        normalizers = code == 0 || hasEntropy && !isBinary ? try backend.scratch(2 * shape.rows) : nil
        if let normalizers {
            try backend.launcher.run(
                Kernel("dice_ce_loss/dice_ce_loss", "row_normalizers"), LaunchGrid(covering: shape.rows),
                [.view(logits), .view(normalizers), .long(shape.rows), .count(shape.channels)])
        }
        kinds = [.int(code), .flag(params.squaredPred), .flag(hasEntropy), .flag(params.targets == .regions)]
        let ratio = params.ratio.weights
        termArguments = [
            .view(weights), .count(shape.batch), .count(shape.channels), .flag(params.targets == .regions),
            .int(params.includeBackground || shape.channels == 1 ? 0 : 1), .flag(params.batch),
            .flag(params.reduction == .mean), .float(params.smoothNr), .float(params.smoothDr),
            .float(params.lambdaDice), .float(params.lambdaCE), .float(Float(ratio.numerator)),
            .float(Float(ratio.overlap)), .float(Float(ratio.prediction)), .float(Float(ratio.reference)),
        ]
    }
}
