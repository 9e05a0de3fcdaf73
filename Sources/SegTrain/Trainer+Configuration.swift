public import SegBackend
public import SegComm
internal import SegCore
public import SegData
internal import SegImaging
internal import SegInference
public import SegModels
internal import SegNN
internal import SegTensor

extension Trainer {
    /// Creates a trainer from a configuration and prepared cases.
    /// - Parameters:
    ///   - network: The network to train, `configuration.makeNetwork(on: backend)`; nil to make it here. Starting weights are
    ///     loaded by the caller: `configuration.start?.load(into: network.store)`.
    ///   - ranks: The processes that train together.
    /// - Throws: `DataError` if the network cannot be built, a case gives no patches or no validation case has a labelled
    ///   voxel left; `BackendError` if there is too little memory; `RankError` if the ranks do not divide the batches.
    public convenience init(
        _ configuration: TrainingConfiguration, network: (any Network)? = nil, training: [PreparedCase],
        validation: [PreparedCase], on backend: any Backend, ranks: Ranks = .alone
    ) throws {
        let (model, loss, sampling) = (configuration.model, configuration.loss, configuration.sampling)
        do {
            try loss.validate()
        } catch {
            throw DataError(.badData, model.network.source, key: "loss", "\(error)")
        }
        try model.checkTraining(batch: sampling.samplesPerVolume * sampling.volumesPerBatch)
        let network = try network ?? configuration.makeNetwork(on: backend)
        let (measured, remarks) = try Self.validation(of: validation, configuration, on: backend, ranks: ranks)
        let patches = try PatchSource(
            training, sampling, configuration.augmentation, seed: configuration.seed, labels: model.labelScheme)
        let unlearnt = try Self.unlearnt(model, present: patches.presentClasses)
        try self.init(
            network, configuration.options, validation: measured, warnings: patches.warnings + unlearnt + remarks,
            document: configuration.resolved,
            source: model.network.source, ranks: ranks,
            loss: { try loss(supervised: $0, labels: $1) }, batches: patches.batch)
    }

    /// A warning about classes and regions that occur in no training case; empty if all occur.
    private static func unlearnt(_ model: ModelDescription, present: Set<Int>) throws -> [String] {
        func name(_ group: LabelScheme.Group) -> String {
            "'\(group.name)' (\(group.numbers.map(String.init).joined(separator: ", ")))"
        }
        let absent: [String]
        if let regions = model.labelScheme.regions {
            absent = regions.filter { present.isDisjoint(with: $0.numbers) }.map(name)
        } else if let groups = model.labelScheme.groups {
            absent = groups.enumerated().filter { !present.contains($0.offset + 1) }.map { name($0.element) }
        } else {
            let classes = try (0..<model.classCount).dropFirst()
            absent = classes.filter { !present.contains($0) }.map { number in
                model.labels[number].map { "'\($0)'" } ?? "class \(number)"
            }
        }
        guard !absent.isEmpty else { return [] }
        let key = model.labelScheme.regions == nil ? "labels" : "regions"
        return [
            "no training case has a voxel of these \(key) on the network's grid, so they are not learnt: "
                + "\(absent.shortList()); correct their numbers, or add cases that contain them"
        ]
    }

    /// The measurement of the validation cases, nil if there are none, and the warnings about them.
    private static func validation(
        of cases: [PreparedCase], _ configuration: TrainingConfiguration, on backend: any Backend, ranks: Ranks
    ) throws -> ((any TrainingValidation)?, remarks: [String]) {
        guard !cases.isEmpty else { return (nil, []) }
        if let rule = configuration.pseudoDice {
            let measured = try PatchValidation(cases, rule, configuration, on: backend, ranks: ranks)
            return (measured, measured.warnings)
        }
        let measured = try CaseValidation(cases, configuration.model, on: backend, ranks: ranks)
        return (measured, measured.warnings)
    }
}

extension TrainingConfiguration {
    /// The network with random values from the configuration's seed.
    /// - Throws: `DataError` if the network cannot be built; `BackendError` if there is too little memory.
    public func makeNetwork(on backend: any Backend) throws -> any Network {
        try model.makeNetwork(on: backend, seed: UInt64(options.seed))
    }
}

extension TrainingOptions {
    /// Freezes parts of the network, and checks that every part that the options name exists.
    func freeze(_ store: ParameterStore, source: String) throws(DataError) {
        let trained = store.trained.map(\.name)
        let strays =
            store.freeze(frozen).map { ("freeze", $0) }
            + rateFactors.keys.filter { part in !store.trained.contains { $0.isWithin(part) } }.sorted()
            .map { ("optimizer.factors", $0) }
        if let (key, part) = strays.first {
            let parts = Set(trained.map { $0.split(separator: ".").prefix(2).joined(separator: ".") }).sorted()
            throw DataError(
                .badData, source, key: key,
                "'\(part)' is not the prefix of any trainable parameter; parts are \(parts.shortList())")
        }
        guard !store.trained.isEmpty else {
            throw DataError(.badData, source, key: "freeze", "leaves no parameter to train; list fewer parts")
        }
    }
}
