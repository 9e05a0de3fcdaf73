internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegNN

extension SegmentationLoss {
    private static let names = ["dice", "dice_ce", "dice_focal", "tversky", "generalized_dice"]

    /// Reads the object `loss`, with the names of MONAI's arguments; absent means Dice over softmax.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader?) throws {
        self.init(DiceCEParams())
        guard let reader else { return }
        let name = try reader.string("name") ?? "dice"
        guard Self.names.contains(name) else {
            throw reader.error("name", "'\(name)' is not a loss; known: \(Self.names.joined(separator: ", "))")
        }
        if try reader.bool("sigmoid") == true {
            guard try reader.bool("softmax") != true else { throw reader.error("sigmoid", "excludes softmax") }
            overlap.probabilities = .sigmoid
        } else if try reader.bool("softmax") == false {
            overlap.probabilities = .identity
        }
        overlap.includeBackground = try reader.bool("include_background") ?? true
        overlap.batch = try reader.bool("batch") ?? false
        overlap.smoothNr = Float(try reader.double("smooth_nr") ?? 1e-5)
        overlap.smoothDr = Float(try reader.double("smooth_dr") ?? 1e-5)
        countsCoarsestHead = try reader.bool("coarsest_head") ?? true
        switch try reader.string("reduction") ?? "mean" {
        case "mean": overlap.reduction = .mean
        case "sum": overlap.reduction = .sum
        case let other: throw reader.error("reduction", "should be mean or sum, not '\(other)'")
        }
        switch name {
        case "tversky":
            overlap.ratio = .tversky(
                alpha: Float(try reader.double("alpha") ?? 0.5), beta: Float(try reader.double("beta") ?? 0.5))
        case "generalized_dice": generalizedDice = try readGeneralizedDice(reader)
        default: try readDice(reader, name)
        }
        try reader.finish()
    }

    /// What all losses have, and `w_type`.
    private func readGeneralizedDice(_ reader: ConfigReader) throws -> GeneralizedDiceLoss {
        var loss = GeneralizedDiceLoss()
        (loss.probabilities, loss.includeBackground) = (overlap.probabilities, overlap.includeBackground)
        (loss.batch, loss.reduction) = (overlap.batch, overlap.reduction)
        (loss.smoothNr, loss.smoothDr) = (overlap.smoothNr, overlap.smoothDr)
        let name = try reader.string("w_type") ?? "square"
        guard let weighting = GeneralizedDiceLoss.Weighting(rawValue: name) else {
            throw reader.error("w_type", "should be square, simple or uniform, not '\(name)'")
        }
        loss.weighting = weighting
        return loss
    }

    /// What only the losses with a Dice term have.
    private mutating func readDice(_ reader: ConfigReader, _ name: String) throws {
        overlap.squaredPred = try reader.bool("squared_pred") ?? false
        overlap.ratio = try reader.bool("jaccard") == true ? .jaccard : .dice
        overlap.classWeights = try reader.doubles("weight")?.map { Float($0) } ?? []
        if name != "dice" { overlap.lambdaDice = Float(try reader.double("lambda_dice") ?? 1) }
        if name == "dice_ce" { overlap.lambdaCE = Float(try reader.double("lambda_ce") ?? 1) }
        guard name == "dice_focal" else { return }
        var focal = FocalParams()
        focal.gamma = Float(try reader.double("gamma") ?? 2)
        guard focal.gamma >= 0 else { throw reader.error("gamma", "should be 0 or more, not \(focal.gamma)") }
        focal.alpha = try reader.double("alpha").map { Float($0) }
        if let alpha = focal.alpha, !(0...1).contains(alpha) {
            throw reader.error("alpha", "should be from 0 to 1, not \(alpha)")
        }
        focal.includeBackground = overlap.includeBackground
        focal.reduction = overlap.reduction
        focal.classWeights = overlap.classWeights
        self.focal = focal
        lambdaFocal = Float(try reader.double("lambda_focal") ?? 1)
    }

    /// Makes the loss one of regions that may overlap.
    mutating func takeRegions(_ reader: ConfigReader) throws {
        guard overlap.probabilities != .softmax else {
            throw reader.error("loss", "regions may overlap, and a softmax does not let them; set loss.sigmoid: true")
        }
        guard overlap.includeBackground else {
            throw reader.error(
                "loss.include_background", "should be left out: no channel of regions is the background's")
        }
        overlap.targets = .regions
    }

    /// Insists that the loss fits the network's channels.
    func check(channels: Int, _ reader: ConfigReader) throws {
        if channels == 1 {
            guard overlap.probabilities != .softmax else {
                throw reader.error(
                    "loss",
                    "softmax of the single channel of network_def.out_channels 1 is always 1; set loss.sigmoid: true")
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

    /// The object that `init(_:)` reads.
    var entries: [String: ConfigValue] {
        var entries: [String: ConfigValue] = [
            "sigmoid": .bool(overlap.probabilities == .sigmoid), "softmax": .bool(overlap.probabilities == .softmax),
            "include_background": .bool(overlap.includeBackground), "batch": .bool(overlap.batch),
            "smooth_nr": .number(overlap.smoothNr), "smooth_dr": .number(overlap.smoothDr),
            "reduction": overlap.reduction == .mean ? "mean" : "sum",
        ]
        // Trainings that began before there was this entry are resumed.
        if !countsCoarsestHead { entries["coarsest_head"] = false }
        if case .tversky(let alpha, let beta) = overlap.ratio {
            return entries.merging(["name": "tversky", "alpha": .number(alpha), "beta": .number(beta)]) { $1 }
        }
        if let generalizedDice {
            return entries.merging([
                "name": "generalized_dice", "w_type": .string(generalizedDice.weighting.rawValue),
            ]) { $1 }
        }
        entries["squared_pred"] = .bool(overlap.squaredPred)
        entries["jaccard"] = .bool(overlap.ratio == .jaccard)
        entries["weight"] =
            overlap.classWeights.isEmpty ? .null : .array(overlap.classWeights.map(ConfigValue.number))
        entries["lambda_dice"] = .number(overlap.lambdaDice)
        if let focal {
            entries["name"] = "dice_focal"
            entries["gamma"] = .number(focal.gamma)
            entries["alpha"] = focal.alpha.map(ConfigValue.number) ?? .null
            entries["lambda_focal"] = .number(lambdaFocal)
        } else if overlap.lambdaCE != 0 {
            entries["name"] = "dice_ce"
            entries["lambda_ce"] = .number(overlap.lambdaCE)
        } else {
            entries["name"] = "dice"
            entries["lambda_dice"] = nil
        }
        return entries
    }
}
