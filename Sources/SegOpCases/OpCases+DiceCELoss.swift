import SegBackend

extension OpCases {
    /// The Dice and cross-entropy loss and its gradient, over all its options.
    static let diceCELosses: [OpCase] =
        diceOptions.enumerated().map { index, item in
            loss(item.name, item.params, channels: [3, 2, 5, 1, 17][index % 5], accumulate: index % 2 == 1)
        }
        + [1, 2, 5].flatMap { channels in
            [false, true].map { weighted in
                var params = DiceCEParams()
                params.lambdaDice = 0
                params.lambdaCE = 1
                params.classWeights = weighted ? weights(channels) : []
                return loss("ce", params, channels: channels, accumulate: false)
            }
        }

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

    private static func loss(_ kind: String, _ options: DiceCEParams, channels: Int, accumulate: Bool) -> OpCase {
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
            let labels = try arrays.integers([2, 3, 5, 4], below: max(2, channels), .i32)
            let upstream = try arrays.input([1], 0.5..<2)
            let loss = try arrays.output("loss", [1], .op)
            let sums = try arrays.output("sums", [3, 2, channels], .op)
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
