internal import SegCore
internal import SegImaging

extension MaskPlan {
    /// The list of MONAI's transforms that `MaskPlanReader` reads as this.
    /// - Parameter channels: How many the network gives.
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
    fileprivate var value: ConfigValue {
        switch self {
        case .keepLargest(let labels, let independent, let connectivity, let count):
            component(
                "KeepLargestConnectedComponent",
                [
                    "applied_labels": list(labels), "independent": .bool(independent),
                    "connectivity": .int(connectivity.number), "num_components": .int(count),
                ])
        case .keepAllLargest(let labels): component("NNUNetKeepLargest", ["labels_or_regions": list(labels)])
        case .fillHoles(let labels, let connectivity):
            component("FillHoles", ["applied_labels": list(labels), "connectivity": .int(connectivity.number)])
        case .removeSmall(let least, let independent, let connectivity):
            component(
                "RemoveSmallObjects",
                [
                    "min_size": .int(least), "independent_channels": .bool(independent),
                    "connectivity": .int(connectivity.number),
                ])
        case .keepLabels(let labels): component("LabelFilter", ["applied_labels": list(labels)])
        }
    }

    private func list(_ labels: [UInt8]?) -> ConfigValue {
        labels.map { .array($0.map { .int(Int($0)) }) } ?? .null
    }
}

extension Connectivity {
    /// scikit-image's number.
    fileprivate var number: Int { self == .faces ? 1 : self == .edges ? 2 : 3 }
}

private func component(_ name: String, _ arguments: [String: ConfigValue]) -> ConfigValue {
    .object(arguments.merging(["_target_": .string(name)]) { $1 })
}
