import SegBackend
import SegCore
import SegReference
import Testing

/// Compares losses and optimisers of the reference with PyTorch and MONAI in float64.
@Suite struct GoldenTrainingTests {
    private let arrays = ReferenceArrays()
    private var backend: ReferenceBackend { arrays.backend }

    @Test(arguments: Golden.names("loss"))
    func diceCELoss(_ name: String) throws {
        let golden = try Golden.named(name)
        var params = DiceCEParams()
        params.targets = name.hasPrefix("loss_regions") ? .regions : .classes
        params.probabilities = [.softmax, .sigmoid, .identity][Int(try golden.number("probabilities"))]
        params.squaredPred = try golden.number("squared") == 1
        params.ratio = try ratio(golden)
        params.batch = try golden.number("batch") == 1
        params.reduction = try golden.number("sum") == 1 ? .sum : .mean
        params.includeBackground = try golden.number("foreground") == 0
        params.lambdaDice = Float(try golden.number("lambdaDice"))
        params.lambdaCE = Float(try golden.number("lambdaCE"))
        params.classWeights = try golden.tensor("weights").values.map(Float.init)
        (params.smoothNr, params.smoothDr) = (0x1p-16, 0x1p-15)

        let logits = try golden.load("logits", arrays)
        let shape = try golden.tensor("labels").shape
        let labels = try arrays.integers(Shape(shape), try golden.tensor("labels").values)
        let (loss, gx) = (try golden.empty("loss", arrays), try golden.empty("gx", arrays))
        let sums = try arrays.empty([4, logits.shape.batch, logits.shape.channels])
        try backend.diceCELoss(logits, labels: labels, params, into: loss, sums: sums)
        try backend.diceCELossBackward(
            logits, labels: labels, sums: sums, upstream: try arrays.array([1], [1]), params, into: gx,
            accumulate: false)
        try golden.expect(loss, is: "loss", arrays)
        try golden.expect(gx, is: "gx", arrays)
    }

    private func ratio(_ golden: Golden) throws -> DiceCEParams.Ratio {
        if try golden.number("jaccard") == 1 { return .jaccard }
        guard try golden.number("tversky") == 1 else { return .dice }
        return .tversky(alpha: 0.25, beta: 0.625)
    }

    @Test(arguments: Golden.names("focal"))
    func focalLoss(_ name: String) throws {
        let golden = try Golden.named(name)
        var params = FocalParams()
        params.gamma = Float(try golden.number("gamma"))
        let alpha = Float(try golden.number("alpha"))
        params.alpha = alpha == 0 ? nil : alpha
        params.reduction = try golden.number("sum") == 1 ? .sum : .mean
        params.includeBackground = try golden.number("foreground") == 0
        params.classWeights = try golden.tensor("weights").values.map(Float.init)
        let logits = try golden.load("logits", arrays)
        let labels = try arrays.integers(
            Shape(try golden.tensor("labels").shape), try golden.tensor("labels").values)
        let (loss, gx) = (try golden.empty("loss", arrays), try golden.empty("gx", arrays))
        try backend.focalLoss(logits, labels: labels, params, into: loss)
        try backend.focalLossBackward(
            logits, labels: labels, upstream: try arrays.array([1], [1]), params, into: gx, accumulate: false)
        try golden.expect(loss, is: "loss", arrays)
        try golden.expect(gx, is: "gx", arrays)
    }

    @Test(arguments: [("adam", false), ("adamw", true)])
    func adam(_ name: String, decoupled: Bool) throws {
        let golden = try Golden.named("optimizer_\(name)")
        let parameter = try golden.load("before", arrays)
        let (first, second) = (try golden.zeros("before", arrays), try golden.zeros("before", arrays))
        for step in 1...3 {
            let slot = AdamSlot(
                parameter: parameter, gradient: try golden.load("gradient\(step - 1)", arrays), firstMoment: first,
                secondMoment: second)
            let params = AdamParams(
                learningRate: 0.125, beta1: 0.875, beta2: 0.9375, epsilon: 0x1p-10, weightDecay: 0.25,
                decoupled: decoupled, step: step)
            try backend.adamStep([slot], params)
            try golden.expect(parameter, is: "after\(step - 1)", arrays)
        }
    }

    @Test(arguments: [("sgd", Float(0.125), false), ("sgd_nesterov", 0, true)])
    func sgd(_ name: String, dampening: Float, nesterov: Bool) throws {
        let golden = try Golden.named("optimizer_\(name)")
        let parameter = try golden.load("before", arrays)
        let momentum = try golden.empty("before", arrays)
        for step in 1...3 {
            let slot = SGDSlot(
                parameter: parameter, gradient: try golden.load("gradient\(step - 1)", arrays), momentum: momentum)
            let params = SGDParams(
                learningRate: 0.125, momentum: 0.875, dampening: dampening, nesterov: nesterov, weightDecay: 0.25,
                step: step)
            try backend.sgdStep([slot], params)
            try golden.expect(parameter, is: "after\(step - 1)", arrays)
        }
    }
}
