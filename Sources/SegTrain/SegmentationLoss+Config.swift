internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegNN

extension SegmentationLoss {
    private static let names = ["dice", "dice_ce", "dice_focal", "tversky", "generalized_dice"]

    /// Reads or writes the object `loss`, with the names of MONAI's arguments.
    static func coded(_ loss: SegmentationLoss?, by coder: ConfigCoder) throws -> SegmentationLoss {
        let name = try coder.value("name", loss?.name ?? "dice", .text)
        try coder.check(
            "name", names.contains(name), "'\(name)' is not a loss; known: \(names.joined(separator: ", "))")
        var loss = loss ?? SegmentationLoss(DiceCEParams())
        try loss.codeOverlap(by: coder)
        switch name {
        case "tversky":
            var (alpha, beta): (Float, Float) = (0.5, 0.5)
            if case .tversky(let ownAlpha, let ownBeta) = loss.overlap.ratio { (alpha, beta) = (ownAlpha, ownBeta) }
            loss.overlap.ratio = .tversky(
                alpha: try coder.value("alpha", alpha, .number), beta: try coder.value("beta", beta, .number))
        case "generalized_dice": try loss.codeGeneralizedDice(by: coder)
        case "dice", "dice_ce", "dice_focal": try loss.codeDice(name, by: coder)
        default: preconditionFailure("the loss '\(name)' has no case")
        }
        return loss
    }

    private var name: String {
        if case .tversky = overlap.ratio { return "tversky" }
        if generalizedDice != nil { return "generalized_dice" }
        return focal != nil ? "dice_focal" : overlap.lambdaCE != 0 ? "dice_ce" : "dice"
    }

    /// Reads or writes the arguments that all losses have.
    private mutating func codeOverlap(by coder: ConfigCoder) throws {
        let (own, isGiven) = (overlap.probabilities, coder.reader.map { $0.value("softmax") != nil } ?? true)
        let sigmoid = try coder.value("sigmoid", own == .sigmoid, .bool)
        let softmax = try coder.value("softmax", own == .softmax, .bool)
        try coder.check("sigmoid", !(sigmoid && softmax && isGiven), "is true, and so is softmax; set only one of them")
        overlap.probabilities = sigmoid ? .sigmoid : softmax ? .softmax : .identity
        overlap.includeBackground = try coder.value("include_background", overlap.includeBackground, .bool)
        overlap.batch = try coder.value("batch", overlap.batch, .bool)
        overlap.smoothNr = try coder.value("smooth_nr", overlap.smoothNr, .number)
        overlap.smoothDr = try coder.value("smooth_dr", overlap.smoothDr, .number)
        // The default is not written: the configuration then equals that of a run from before `coarsest_head` existed, which
        // can be resumed.
        countsCoarsestHead = try coder.given("coarsest_head", countsCoarsestHead ? nil : false, .bool) ?? true
        overlap.reduction = try coder.value("reduction", overlap.reduction, .named(["mean": .mean, "sum": .sum]))
    }

    /// Copies the arguments that all losses have, and reads or writes `w_type`.
    private mutating func codeGeneralizedDice(by coder: ConfigCoder) throws {
        var loss = generalizedDice ?? GeneralizedDiceLoss()
        (loss.probabilities, loss.includeBackground) = (overlap.probabilities, overlap.includeBackground)
        (loss.batch, loss.reduction) = (overlap.batch, overlap.reduction)
        (loss.smoothNr, loss.smoothDr) = (overlap.smoothNr, overlap.smoothDr)
        loss.weighting = try coder.value("w_type", loss.weighting, .name)
        generalizedDice = loss
    }

    /// Reads or writes the arguments that only the losses with a Dice term have.
    private mutating func codeDice(_ name: String, by coder: ConfigCoder) throws {
        overlap.squaredPred = try coder.value("squared_pred", overlap.squaredPred, .bool)
        overlap.ratio = try coder.value("jaccard", overlap.ratio == .jaccard, .bool) ? .jaccard : .dice
        let weights = overlap.classWeights.isEmpty ? nil : overlap.classWeights
        overlap.classWeights = try coder.optional("weight", weights, .numbers) ?? []
        if name != "dice" { overlap.lambdaDice = try coder.value("lambda_dice", overlap.lambdaDice, .number) }
        if name == "dice_ce" {
            let weight = coder.reader == nil ? overlap.lambdaCE : 1
            overlap.lambdaCE = try coder.value("lambda_ce", weight, .number)
        }
        guard name == "dice_focal" else { return }
        var focal = focal ?? FocalParams()
        focal.gamma = try coder.value("gamma", focal.gamma, .amount)
        focal.alpha = try coder.optional("alpha", focal.alpha, .chance)
        focal.includeBackground = overlap.includeBackground
        focal.reduction = overlap.reduction
        focal.classWeights = overlap.classWeights
        self.focal = focal
        lambdaFocal = try coder.value("lambda_focal", lambdaFocal, .number)
    }

    /// Changes the targets of the loss to regions that may overlap.
    mutating func takeRegions(_ reader: ConfigReader) throws {
        // Masks are made from a sigmoid of each channel, whatever the loss takes its outputs for.
        guard overlap.probabilities == .sigmoid else {
            throw reader.error(
                "loss", "regions may overlap, and each is the sigmoid of its channel; set loss.sigmoid: true")
        }
        guard overlap.includeBackground else {
            throw reader.error(
                "loss.include_background", "should be left out: with regions no channel is the background")
        }
        overlap.targets = .regions
    }

    /// Checks that the loss fits the network's channels.
    func check(channels: Int, _ reader: ConfigReader) throws {
        if channels == 1 {
            guard overlap.probabilities == .sigmoid else {
                throw reader.error(
                    "loss",
                    "the mask of network_def.out_channels 1 is made from the sigmoid of its single channel; set "
                        + "loss.sigmoid: true")
            }
            guard overlap.includeBackground else {
                throw reader.error(
                    "loss.include_background",
                    "network_def.out_channels 1 has no channel of the background to leave out")
            }
        }
        let count = overlap.classWeights.count
        guard count == 0 || count == channels else {
            throw reader.error(
                "loss.weight",
                "should be \(channels) numbers, one for each of network_def.out_channels, not \(count)")
        }
    }
}
