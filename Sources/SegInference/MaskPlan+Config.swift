internal import SegCore
internal import SegImaging

extension MaskPlan {
    /// The list of MONAI transforms from which `MaskPlanReader` reads this plan.
    /// - Parameter channels: The number of channels of the network's output.
    func value(channels: Int) -> ConfigValue {
        let (before, after) = (before.map(\.value), after.map(\.value))
        guard restoration != .logits else {
            return .array([MaskTransform.export(order: painting.isEmpty ? nil : painting.map(\.label)).value] + after)
        }
        let isSigmoid = channels == 1 || probabilities == .sigmoid
        let hasThreshold = channels == 1 || isRegions || !painting.isEmpty
        let probabilities = MaskTransform.activations(sigmoid: isSigmoid, softmax: !isSigmoid).value
        var classes = [
            MaskTransform.discrete(argmax: !hasThreshold, threshold: hasThreshold ? threshold : nil).value
        ]
        if !painting.isEmpty { classes.append(MaskTransform.painting(RegionPainting(painting)).value) }
        let invert = MaskTransform.invert(isNearest: restoration == .nearest).value
        let made =
            switch restoration {
            case .trilinear: [invert] + classes
            case .nearest: classes + before + [invert]
            case .none, .logits: classes + before
            }
        return .array([probabilities] + made + after)
    }
}

extension MaskStep {
    fileprivate var value: ConfigValue { ComponentForm.value(of: self, by: Self.forms) }
}
