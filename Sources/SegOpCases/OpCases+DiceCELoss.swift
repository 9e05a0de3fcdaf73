import SegBackend

extension OpCases {
    /// The Dice and cross-entropy loss and its gradient, with all options.
    static let diceCELosses: [OpCase] =
        diceOptions.enumerated().map { index, item in
            let channels = [3, 2, 5, 1, 17][index % 5]
            return loss(
                item.name, item.params, channels: channels, labels: classes(channels), accumulate: index % 2 == 1)
        }
        + [1, 2, 5].flatMap { channels in
            [false, true].map { weighted in
                var params = DiceCEParams()
                params.lambdaDice = 0
                params.lambdaCE = 1
                params.classWeights = weighted ? weights(channels) : []
                return loss("ce", params, channels: channels, labels: classes(channels), accumulate: false)
            }
        }
        + lossesOfIgnoredVoxels + lossesOfRegions

    private static let lossesOfIgnoredVoxels: [OpCase] =
        diceOptions.enumerated().map { index, item in
            let channels = [5, 1, 2, 17, 3][index % 5]
            // About a third of the voxels is ignored.
            let labels = -max(1, channels / 2)..<max(2, channels)
            return loss("ignored", item.params, channels: channels, labels: labels, accumulate: index % 2 == 0)
        }
        + stride(from: 0, to: diceOptions.count, by: 7).map { index in
            let channels = [5, 1, 2, 17, 3][index % 5]
            return loss(
                "allignored", diceOptions[index].params, channels: channels, labels: -3..<0, accumulate: index % 2 == 1)
        }

    private static let lossesOfRegions: [OpCase] =
        diceOptions.enumerated().compactMap { index, item in
            guard item.params.probabilities != .softmax else { return nil }
            let channels = [2, 17, 1, 5, 3][index % 5]
            var params = item.params
            params.targets = .regions
            params.includeBackground = true
            // Class weights together with a cross entropy are refused.
            params.classWeights = params.lambdaCE == 0 && params.batch ? [1] : []
            let sets = 1 << channels
            return loss(
                "regions", params, channels: channels, labels: -max(1, sets / 4)..<sets, accumulate: index % 2 == 0)
        }
        + [allRegions]

    /// The maximum number of regions; the largest label is the largest `Int32` that a Float represents.
    private static let allRegions: OpCase = {
        var params = DiceCEParams()
        (params.targets, params.probabilities, params.lambdaCE) = (.regions, .sigmoid, 0.7)
        let channels = DiceCEParams.mostRegions
        return loss("regions", params, channels: channels, labels: 0..<Int(Int32.max) - 127, accumulate: false)
    }()

    /// A range of labels of which none is ignored.
    private static func classes(_ channels: Int) -> Range<Int> { 0..<max(2, channels) }

    private static let diceOptions: [(name: String, params: DiceCEParams)] = {
        var options: [(String, DiceCEParams)] = []
        for probabilities in [DiceCEParams.Probabilities.softmax, .sigmoid, .identity] {
            for bits in 0..<32 {
                var params = DiceCEParams()
                params.probabilities = probabilities
                params.squaredPred = bits & 1 != 0
                params.ratio = bits & 2 != 0 ? .jaccard : bits & 4 != 0 ? .dice : .tversky(alpha: 0.3, beta: 0.7)
                params.batch = bits & 4 != 0
                params.reduction = bits & 8 != 0 ? .sum : .mean
                params.includeBackground = bits & 16 == 0
                // The second half has the cross entropy and class weights too.
                params.lambdaCE = bits & 16 != 0 ? 0.7 : 0
                params.lambdaDice = bits & 16 != 0 ? 1.3 : 1
                params.classWeights = bits & 16 != 0 ? [1] : []
                params.smoothNr = bits & 2 != 0 ? 0 : 1e-5
                options.append(("dice", params))
            }
        }
        return options
    }()

    private static func ratioName(_ ratio: DiceCEParams.Ratio) -> String {
        switch ratio {
        case .dice: ""
        case .jaccard: "_jaccard"
        case .tversky: "_tversky"
        }
    }

    static func weights(_ channels: Int) -> [Float] { (0..<channels).map { 0.5 + 0.25 * Float($0 % 5) } }

    private static func loss(
        _ kind: String, _ options: DiceCEParams, channels: Int, labels range: Range<Int>, accumulate: Bool
    ) -> OpCase {
        var params = options
        if !params.classWeights.isEmpty { params.classWeights = weights(channels) }
        let name =
            "loss_\(kind)_\(params.probabilities)_c\(channels)" + (params.squaredPred ? "_squared" : "")
            + ratioName(params.ratio) + (params.batch ? "_batch" : "") + "_\(params.reduction)"
            + (params.includeBackground ? "" : "_foreground") + (params.lambdaCE != 0 ? "_ce" : "")
            + (params.classWeights.isEmpty ? "" : "_weighted") + (accumulate ? "_accumulate" : "")
        return OpCase(name, op: "diceCELoss") { [params] arrays in
            let shape: Shape = [2, 3, 5, 4, channels]
            let logits = try arrays.input(shape, params.probabilities == .identity ? 0.05..<0.95 : -3..<3)
            let labels = try arrays.integers([2, 3, 5, 4], range, .i32)
            let upstream = try arrays.input([1], 0.5..<2)
            let loss = try arrays.output("loss", [1], .op)
            let sums = try arrays.output("sums", [4, 2, channels], .op)
            let gx = try arrays.output("gx", shape, accumulate: accumulate, .op)
            try arrays.differentiate(loss, upstream: upstream, [(logits, gx)], by: .wide)
            return {
                try arrays.backend.diceCELoss(logits, labels: labels, params, into: loss, sums: sums)
                try arrays.backend.diceCELossBackward(
                    logits, labels: labels, sums: sums, upstream: upstream, params, into: gx, accumulate: accumulate)
            }
        }
    }
}
