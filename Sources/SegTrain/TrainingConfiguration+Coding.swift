internal import SegBackend
public import SegCore
internal import SegData
internal import SegImaging
internal import SegInference
internal import SegModels
internal import SegNN

extension TrainingConfiguration {
    /// Reads a configuration.
    /// - Throws: `DataError` naming the key that is missing, unknown (with the nearest known one) or wrong.
    public init(_ value: ConfigValue, source: String) throws {
        let document = try Preset.expand(value, source: source)
        do {
            self = try Self.read(document, source: source)
        } catch let fault as DataError {
            throw Preset.explained(fault, of: value, in: document)
        }
    }

    private static func read(_ document: ConfigValue, source: String) throws -> TrainingConfiguration {
        let reader = try ConfigReader(document, path: "", source: source)
        let configuration = try coded(nil, document, by: ConfigCoder(reader))
        try configuration.checkValidated(reader)
        try reader.finish()
        return configuration
    }

    /// The whole configuration, with all defaults and all entries of a preset written out; reading it gives the same again.
    public var resolved: ConfigValue {
        .object(ConfigCoder.entries(self) { try Self.coded($0, document, by: $1) })
    }

    private static func coded(
        _ own: TrainingConfiguration?, _ document: ConfigValue, by coder: ConfigCoder
    ) throws -> TrainingConfiguration {
        let data = try coder.required("data", own?.data, .text)
        let model = try coder.part(own?.model, entries: entries) { try ModelDescription.entries(of: $0) }
        // A patch has the size of a window, which has no default.
        let roi = try coder.part(own?.sampling.size) { try $0.required("roi_size", model.roiSize) }
        let sampling = try PatchSampling.coded(own?.sampling, roi: roi, by: coder)
        let augmentation =
            try coder.part(own?.augmentation, entries: { $0.entries(of: document) }) { try Augmentation(of: $0) }
        let loss = try loss(own?.loss, of: model, by: coder)
        let descent = own.map {
            Descent(
                optimizer: $0.optimizer, learningRate: $0.learningRate, clipNorm: $0.clipNorm,
                rateFactors: $0.rateFactors)
        }
        let optimizer = try coder.requiredObject("optimizer", descent, Descent.coded)
        let schedule = try Schedule.coded(
            own.map { Schedule(fall: $0.schedule, warmUp: $0.warmUp) }, learningRate: optimizer.learningRate, by: coder)
        let options = try options(own?.options, optimizer, schedule, by: coder)
        return TrainingConfiguration(
            document: document, data: data, cache: try coder.value("cache", own?.cache ?? .ofUser(), .cache),
            validation: try coder.value("validation", own?.validation ?? .share(0.2), .validation), model: model,
            sampling: sampling, augmentation: augmentation, loss: loss, options: options,
            start: try coder.given("init_from", own?.start?.path, .text).map(StartingWeights.init),
            tracking: try coder.object("tracking", own?.tracking, TrackingOptions.coded) ?? TrackingOptions())
    }

    /// Reads or writes the options of the steps; the entries of `optimizer` and `schedule` are given.
    private static func options(
        _ own: TrainingOptions?, _ optimizer: Descent, _ schedule: Schedule, by coder: ConfigCoder
    ) throws -> TrainingOptions {
        let iterations = try coder.required("iterations", own?.iterations, .positive)
        var options = TrainingOptions(iterations: iterations, learningRate: optimizer.learningRate)
        options.seed = try coder.value("seed", own?.seed ?? 0, .seed)
        (options.optimizer, options.rateFactors) = (optimizer.optimizer, optimizer.rateFactors)
        (options.schedule, options.warmUp, options.clipNorm) = (schedule.fall, schedule.warmUp, optimizer.clipNorm)
        options.accumulation = try coder.value("accumulate", own?.accumulation ?? 1, .positive)
        options.recomputes = try coder.value("recompute", own?.recomputes ?? false, .bool)
        let frozen = own.flatMap { $0.frozen.isEmpty ? nil : $0.frozen }
        options.frozen = try coder.given("freeze", frozen, .texts) ?? []
        // If `ema` is unset, the key is absent, not null, because configurations of earlier runs lack the key.
        options.ema = try coder.given("ema", own?.ema, .number)
        options.minutes = try coder.optional("minutes", own?.minutes, .positive)
        let every = own?.validateEvery ?? options.validateEvery
        options.validateEvery = try coder.value("validate_every", every, .positive)
        let keeping = own?.checkpointEvery ?? min(options.validateEvery, 100)
        options.checkpointEvery = try coder.value("checkpoint_every", keeping, .positive)
        // Without a pseudo Dice, the key is absent, not null, as in the configurations of earlier runs.
        options.pseudoDice = try coder.object("pseudo_dice", own?.pseudoDice, TrainingOptions.PseudoDice.coded)
        options.earlyStopping = try coder.optionalObject(
            "early_stopping", own?.earlyStopping, TrainingOptions.EarlyStopping.coded)
        return options
    }

    /// The entries of a model. All keys of `postprocessing` are written, including those with default values.
    private static func entries(_ model: ModelDescription) -> [String: ConfigValue] {
        guard case .object(var entries) = model.value else { return [:] }
        if model.labels.isEmpty { entries["labels"] = nil }
        // A list of transforms stays unchanged.
        if case .array? = entries["postprocessing"] {} else { entries["postprocessing"] = model.postprocessing.value }
        return entries
    }

    /// Reads or writes the object `loss`, with the names of MONAI's arguments; an absent one means Dice over softmax.
    private static func loss(
        _ own: SegmentationLoss?, of model: ModelDescription, by coder: ConfigCoder
    ) throws -> SegmentationLoss {
        var loss = try coder.object("loss", own, SegmentationLoss.coded) ?? SegmentationLoss(DiceCEParams())
        guard let reader = coder.reader else { return loss }
        try loss.check(channels: model.outputChannels, reader)
        loss.hasIgnoredVoxels = model.labelScheme.ignored != nil
        if model.labelScheme.regions != nil { try loss.takeRegions(reader) }
        return loss
    }

    /// Refuses options that need a validation if there is none.
    private func checkValidated(_ reader: ConfigReader) throws {
        guard validation == .share(0) || validation == .names([]) else { return }
        try options.check(isValidated: false, source: reader.source)
    }
}

/// The object `optimizer`.
private struct Descent {
    let optimizer: OptimizerKind
    let learningRate: Double
    let clipNorm: Double?
    let rateFactors: [String: Double]

    static func coded(_ own: Descent?, by coder: ConfigCoder) throws -> Descent {
        let rate = try coder.required("learning_rate", own?.learningRate, .number)
        try coder.check("learning_rate", rate > 0 && rate.isFinite, "should be positive and finite, not \(rate)")
        let factors = own?.rateFactors.isEmpty == false ? own?.rateFactors : nil
        return Descent(
            optimizer: try OptimizerKind.coded(own?.optimizer, by: coder), learningRate: rate,
            clipNorm: try coder.optional("clip_norm", own?.clipNorm, .positive),
            rateFactors: try coder.given("factors", factors, .rateFactors) ?? [:])
    }
}

extension TrainingOptions.PseudoDice {
    fileprivate static func coded(_ own: Self?, by coder: ConfigCoder) throws -> Self {
        let smoothing = try coder.value("smoothing", own?.smoothing ?? 0.9, .number)
        try coder.check("smoothing", (0..<1).contains(smoothing), "should be at least 0 and below 1, not \(smoothing)")
        return Self(batches: try coder.value("batches", own?.batches ?? 50, .positive), smoothing: smoothing)
    }
}

extension TrainingOptions.EarlyStopping {
    fileprivate static func coded(_ own: Self?, by coder: ConfigCoder) throws -> Self {
        Self(
            patience: try coder.required("patience", own?.patience, .positive),
            minDelta: try coder.value("min_delta", own?.minDelta ?? 0, .amount))
    }
}

extension ConfigForm<UInt32> {
    /// An unsigned integer of 32 bits.
    fileprivate static var seed: Self {
        Self(
            decode: { value, key, reader in
                guard let seed = try UInt32(exactly: reader.required(key, reader.int(key))) else {
                    throw reader.error(key, "should be an integer from 0 to \(UInt32.max)")
                }
                return seed
            }, encode: { .int(Int($0)) })
    }
}

extension ConfigForm<TrainingConfiguration.Validation> {
    /// A share of the cases, names of cases, or a file of names.
    fileprivate static var validation: Self {
        Self(
            decode: { value, key, reader in
                if let share = value.number {
                    guard share >= 0, share < 1 else {
                        throw reader.error(key, "should be a share of at least 0 and below 1, not \(share)")
                    }
                    return .share(share)
                }
                if case .string(let path) = value { return .file(path) }
                guard case .array(let items) = value else {
                    throw reader.error(
                        key, "should be a share such as 0.2, a list of case names or a split.json, not \(value)")
                }
                return .names(
                    try items.map {
                        guard case .string(let name) = $0 else {
                            throw reader.error(key, "should list case names, not \($0)")
                        }
                        return name
                    })
            },
            encode: {
                switch $0 {
                case .share(let share): .double(share)
                case .names(let names): .array(names.map { .string($0) })
                case .file(let path): .string(path)
                }
            })
    }
}

extension ConfigForm<[String: Double]> {
    /// The factors of the learning rate for parts of the network.
    fileprivate static var rateFactors: Self {
        Self(
            decode: { value, key, reader in
                guard case .object(let members) = value else {
                    throw reader.error(
                        key, "should map parts of the network to factors, as {model.0: 0.1}, not \(value)")
                }
                return try members.mapValues { item in
                    guard let factor = item.number, factor > 0, factor.isFinite else {
                        throw reader.error(
                            key, "should be positive numbers, not \(item); to keep a part unchanged, list it in freeze")
                    }
                    return factor
                }
            }, encode: { .object($0.mapValues(ConfigValue.double)) })
    }
}
