public import SegCore
internal import SegImaging
internal import SegModels

extension ModelDescription {
    private static let mostFolds = 100

    /// Reads the entries of a model from an object that may hold other entries too, such as a training configuration.
    /// - Throws: `DataError` naming the key that is missing or wrong.
    public static func entries(of reader: ConfigReader) throws -> ModelDescription {
        try coded(nil, by: ConfigCoder(reader))
    }

    /// The content of the `model.json` that `init(file:)` reads.
    public var value: ConfigValue { .object(ConfigCoder.entries(self, Self.coded)) }

    private static func coded(_ own: ModelDescription?, by coder: ConfigCoder) throws -> ModelDescription {
        var description = ModelDescription(
            network: try coder.required("network_def", own?.network, .network),
            preprocessing: try coder.required("preprocessing", own?.preprocessing, .preprocessing), roiSize: nil,
            overlap: 0)
        try description.codeWindow(own, by: coder)
        let labels = try LabelNames.coded(own.map { LabelNames(names: $0.labels, scheme: $0.labelScheme) }, by: coder)
        (description.labels, description.labelScheme) = (labels.names, labels.scheme)
        description.previousClasses =
            try coder.given("previous_classes", own?.previousClasses.nonzero, .within(0...mostClasses - 1)) ?? 0
        let folds = own.flatMap { $0.foldCount > 1 ? $0.foldCount : nil }
        description.foldCount = try coder.given("folds", folds, .within(1...mostFolds)) ?? 1
        let axes = own.flatMap { $0.mirrorAxes.isEmpty ? nil : $0.mirrorAxes }
        description.mirrorAxes = try coder.given("mirror_axes", axes, .axes) ?? []
        try description.codePostprocessing(own, by: coder)
        if let reader = coder.reader { try description.checkRules(reader) }
        return description
    }

    /// Refuses a list with one rule of intensities for several channels: an object is the rule of all channels, but a list has
    /// one for each.
    private func checkRules(_ reader: ConfigReader) throws {
        guard let channels = try? inputChannels, channels > 1 else { return }
        var lists: [(key: String, value: ConfigValue?)] = []
        switch reader.value("preprocessing") {
        case .object(let entries)?: lists = [("preprocessing.intensity", entries["intensity"])]
        case .array(let steps)?:
            for case (let number, .object(let entries)) in steps.enumerated() {
                lists.append(("preprocessing.\(number).rules", entries["rules"]))
            }
        default: break
        }
        for (key, value) in lists {
            guard case .array(let rules)? = value, rules.count == 1 else { continue }
            throw reader.error(
                key,
                "is a list of one rule, but the network takes \(channels) channels; give a rule for each, or without brackets "
                    + "one rule for all")
        }
    }

    /// Reads or writes the windows. A null `roi_size` is the whole image; an absent one is an error.
    private mutating func codeWindow(_ own: ModelDescription?, by coder: ConfigCoder) throws {
        let isWhole = own.map { $0.roiSize == nil } ?? coder.reader?.isNull("roi_size") ?? false
        guard !isWhole else {
            _ = try coder.optional("roi_size", nil, .any)
            return
        }
        let given = own.flatMap { own in
            own.roiSize.map { SlidingWindow(window: $0, overlap: own.overlap, blending: own.mode) }
        }
        let window = try SlidingWindow.coded(given, by: coder)
        (roiSize, overlap, mode) = (window.window, window.overlap, window.blending)
        padding = try WindowPadding.coded(own?.padding, by: coder)
    }

    /// Reads or writes the postprocessing: an object of mask steps, or a list of MONAI transforms of the network's output.
    private mutating func codePostprocessing(_ own: ModelDescription?, by coder: ConfigCoder) throws {
        let usual = MaskPlan(usualFor: labelScheme)
        maskPlan = usual
        let chain = try coder.given("postprocessing", own.flatMap { $0.maskPlan == usual ? nil : $0.chain }, .any)
        guard case .array(let items)? = chain else {
            let steps = own.flatMap { $0.postprocessing.isEmpty ? nil : $0.postprocessing }
            postprocessing =
                try coder.object("postprocessing", steps, PostProcessing.coded) ?? PostProcessing()
            return
        }
        guard let reader = coder.reader else { return }
        maskPlan = try plan(of: items, reader)
        guard labelScheme.regions != nil else { return }
        try coder.check(
            "postprocessing", maskPlan.isRegions == usual.isRegions && maskPlan.painting == usual.painting,
            usual.isRegions
                ? "makes classes, but regions need a threshold per channel"
                : "should paint the regions as regions_order does, by a Lambda; leave one of the two out")
    }

    /// The mask plan as a list of transforms.
    private var chain: ConfigValue { maskPlan.value(channels: (try? outputChannels) ?? 2) }

    private func plan(of items: [ConfigValue], _ reader: ConfigReader) throws -> MaskPlan {
        var chain = MaskPlanReader(channels: try outputChannels, preprocessing: preprocessing)
        for (number, item) in items.enumerated() {
            let step = try ConfigReader(item, path: "postprocessing.\(number)", source: reader.source)
            try chain.add(step.required("_target_", step.string("_target_")), step)
            try step.finish()
        }
        return try chain.finished(reader)
    }
}

extension Int {
    /// The number; nil if it is 0.
    fileprivate var nonzero: Int? { self == 0 ? nil : self }
}

extension ConfigForm<NetworkDefinition> {
    /// A network's definition, as in MONAI's bundles.
    fileprivate static var network: Self {
        Self(decode: { value, _, reader in NetworkDefinition(value, source: reader.source) }, encode: \.value)
    }
}
