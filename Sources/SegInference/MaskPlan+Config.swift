internal import SegCore
internal import SegImaging

extension MaskPlan {
    /// The list of MONAI transforms from which `MaskPlanReader` reads this plan.
    /// - Parameter channels: The number of channels of the network's output.
    func value(channels: Int) -> ConfigValue {
        guard restoration != .logits else {
            let order = painting.isEmpty ? ConfigValue.null : .array(painting.map { .int(Int($0.label)) })
            return .array([component("NNUNetExport", ["regions_class_order": order])] + after.map(\.value))
        }
        let isSigmoid = channels == 1 || probabilities == .sigmoid
        let probabilities = component("Activations", [isSigmoid ? "sigmoid" : "softmax": true])
        let hasThreshold = channels == 1 || isRegions || !painting.isEmpty
        var classes = [component("AsDiscrete", hasThreshold ? ["threshold": .double(threshold)] : ["argmax": true])]
        if !painting.isEmpty {
            classes.append(component("Lambda", ["func": .string(RegionPainting(painting).expression)]))
        }
        let invert = component("Invert", ["nearest_interp": .bool(restoration == .nearest)])
        var steps = [probabilities]
        switch restoration {
        case .trilinear: steps += [invert] + classes
        case .nearest: steps += classes + before.map(\.value) + [invert]
        case .none, .logits: steps += classes + before.map(\.value)
        }
        return .array(steps + after.map(\.value))
    }
}

extension MaskStep {
    fileprivate var value: ConfigValue { ComponentForm.value(of: self, by: Self.forms) }
}

private func component(_ name: String, _ arguments: [String: ConfigValue]) -> ConfigValue {
    .object(arguments.merging(["_target_": .string(name)]) { $1 })
}
