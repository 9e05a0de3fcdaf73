internal import SegCore

/// What a bundle does with the network's output must be what MedSeg does: probabilities, back to the scan's grid, and
/// the most probable class; of a single channel the class from a probability of 0.5 on.
struct BundlePostprocessing {
    /// What happens, in this order.
    private static let steps = ["Activationsd", "Invertd", "AsDiscreted"]

    private let document: BundleDocument
    private let id: String
    /// The chain that `Invertd` has to take back.
    private let preprocessing: ConfigValue
    private let hasOneChannel: Bool
    private var names: [String] = []

    /// Checks a chain.
    /// - Throws: `DataError` naming what it does otherwise.
    static func check(
        _ chain: ConfigValue, id: String, _ document: BundleDocument, inverting preprocessing: ConfigValue,
        channels: Int
    ) throws {
        var check = BundlePostprocessing(
            document: document, id: id, preprocessing: preprocessing, hasOneChannel: channels == 1)
        for component in try BundleComponent.chain(chain, id: id, document) { try check.add(component) }
        try check.finish()
    }

    private init(document: BundleDocument, id: String, preprocessing: ConfigValue, hasOneChannel: Bool) {
        self.document = document
        self.id = id
        self.preprocessing = preprocessing
        self.hasOneChannel = hasOneChannel
    }

    private mutating func add(_ component: BundleComponent) throws {
        switch component.name {
        case "Activationsd": try checkActivations(component)
        case "Invertd": try checkInvert(component)
        case "AsDiscreted": try checkDiscrete(component)
        case "SaveImaged":
            // Every step has to be done by now, for what is saved is the mask.
            try finish()
            if let scale = component.entry("scale"), scale != .null {
                throw document.error(component.id + "::scale", "is not supported, \(scale); a mask holds class numbers")
            }
            return
        case "EnsureTyped", "ToTensord", "CastToTyped":
            let reader = try component.arguments(of: "pred", ignoring: ["data_type", "device", "wrap_sequence"])
            try reader.expect("dtype", "float32")
            try reader.expect("track_meta", true)
            return try reader.finish()
        default: throw component.unsupported("Activationsd", "Invertd", "AsDiscreted", "SaveImaged")
        }
        names.append(component.name)
    }

    private func finish() throws {
        guard names == Self.steps else {
            throw document.error(
                id,
                "should be \(Self.steps.joined(separator: ", ")) in this order, before SaveImaged, not "
                    + (names.isEmpty ? "none of them" : names.joined(separator: ", ")))
        }
    }

    private func checkActivations(_ component: BundleComponent) throws {
        let reader = try component.arguments(of: "pred")
        let (wanted, other) = hasOneChannel ? ("sigmoid", "softmax") : ("softmax", "sigmoid")
        try reader.expect(other, false)
        try reader.expect(wanted, true, default: false)
        try reader.expect("other", .null)
        try reader.finish()
    }

    private func checkInvert(_ component: BundleComponent) throws {
        let reader = try component.arguments(
            of: "pred",
            ignoring: ["transform", "device", "meta_keys", "orig_meta_keys", "meta_key_postfix", "to_tensor"])
        try reader.expect("orig_keys", among: ["image", ["image"]])
        try reader.expect("nearest_interp", false, default: true)
        try reader.expect("post_func", .null)
        try reader.finish()
        guard let transform = component.entry("transform"),
            try document.followed(transform, id: component.id) == preprocessing
        else {
            throw document.error(component.id + "::transform", "should be the preprocessing of the image")
        }
    }

    private func checkDiscrete(_ component: BundleComponent) throws {
        let reader = try component.arguments(of: "pred")
        if hasOneChannel {
            try reader.expect("argmax", false)
            try reader.expect("threshold", 0.5, default: .null)
        } else {
            try reader.expect("argmax", true, default: false)
            try reader.expect("threshold", .null)
        }
        for key in ["to_onehot", "rounding"] { try reader.expect(key, .null) }
        try reader.finish()
    }
}
