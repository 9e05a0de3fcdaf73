import SegBackend

extension OpCases {
    /// The focal loss and its gradient.
    static let focalLosses: [OpCase] = (0..<16).map { bits in
        var params = FocalParams()
        params.gamma = [0, 0.5, 2, 3.5][bits % 4]
        params.alpha = bits & 1 != 0 ? 0.25 : nil
        params.includeBackground = bits & 2 == 0
        params.reduction = bits & 4 != 0 ? .sum : .mean
        let (channels, accumulate) = ([3, 2, 1, 17][(bits >> 1) % 4], bits & 8 != 0)
        params.classWeights = accumulate ? weights(channels) : []
        let name =
            "focal_c\(channels)_gamma\(params.gamma)_\(params.reduction)" + (params.alpha == nil ? "" : "_alpha")
            + (params.includeBackground ? "" : "_foreground") + (accumulate ? "_weighted_accumulate" : "")
        return OpCase(name, op: "focalLoss") { [params] arrays in
            let shape: Shape = [2, 3, 5, 4, channels]
            let logits = try arrays.input(shape, -3..<3)
            let labels = try arrays.integers([2, 3, 5, 4], 0..<max(2, channels), .i32)
            let upstream = try arrays.input([1], 0.5..<2)
            let loss = try arrays.output("loss", [1], .op)
            let gx = try arrays.output("gx", shape, accumulate: accumulate, .op)
            try arrays.differentiate(loss, upstream: upstream, [(logits, gx)], by: .wide)
            return {
                try arrays.backend.focalLoss(logits, labels: labels, params, into: loss)
                try arrays.backend.focalLossBackward(
                    logits, labels: labels, upstream: upstream, params, into: gx, accumulate: accumulate)
            }
        }
    }
}
