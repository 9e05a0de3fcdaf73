internal import SegBackend
public import SegCore
internal import SegData
internal import SegInference
internal import SegModels
internal import SegNN

extension TrainingConfiguration {
    /// The whole configuration, every default and every entry of a preset written out; read again it is the same.
    public var resolved: ConfigValue {
        guard case .object(var entries) = model.value else { return document }
        if model.labels.isEmpty { entries["labels"] = nil }
        entries["data"] = .string(data)
        entries["validation"] =
            switch validation {
            case .share(let share): .double(share)
            case .names(let names): .array(names.map { .string($0) })
            case .file(let path): .string(path)
            }
        entries["cache"] = .string(cache.folder ?? "none")
        entries["tracking"] = .object(tracking.entries)
        entries["seed"] = .int(Int(seed))
        entries["rng"] = .string(sampling.draws.rawValue)
        entries["sampling"] = .object(sampling.entries)
        if case .object(let document) = document {
            entries["augmentation"] = augmentation.entries(of: document["augmentation"])
        }
        // Transforms from the network's output on stay as they are.
        if case .array? = entries["postprocessing"] {} else { entries["postprocessing"] = model.postprocessing.value }
        entries["loss"] = .object(loss.entries)
        entries["optimizer"] = .object(
            optimizer.entries.merging([
                "learning_rate": .double(learningRate), "clip_norm": clipNorm.map { .double($0) } ?? .null,
            ]) { $1 })
        if !rateFactors.isEmpty, case .object(var members)? = entries["optimizer"] {
            members["factors"] = .object(rateFactors.mapValues(ConfigValue.double))
            entries["optimizer"] = .object(members)
        }
        entries["init_from"] = start.map { .string($0.path) }
        if !frozen.isEmpty { entries["freeze"] = .array(frozen.map(ConfigValue.string)) }
        entries["schedule"] = .object(scheduleEntries)
        entries["accumulate"] = .int(accumulation)
        entries["recompute"] = .bool(recomputes)
        entries["iterations"] = .int(iterations)
        entries["minutes"] = minutes.map { .double($0) } ?? .null
        entries["validate_every"] = .int(validateEvery)
        entries["checkpoint_every"] = .int(checkpointEvery)
        entries["early_stopping"] =
            earlyStopping.map { ["patience": .int($0.patience), "min_delta": .double($0.minDelta)] } ?? .null
        return .object(entries)
    }

    /// Keys that may change when a training is resumed: they say where the data and the split lie (whose content is
    /// compared), where the run is logged, when it ends and what is kept, not how it learns.
    ///
    /// More iterations stretch the rest of a schedule that runs over the whole training.
    public static let changeableOnResume = [
        "data", "validation", "cache", "tracking", "iterations", "minutes", "checkpoint_every", "early_stopping",
        "init_from",
    ]

    /// Insists that this is the configuration a run was started with, but for what may change.
    /// - Throws: `DataError` that lists what differs.
    public func checkResumes(_ started: ConfigValue, source: String) throws {
        let changes = resolved.differences(from: started).filter { change in
            !Self.changeableOnResume.contains { change.key == $0 || change.key.hasPrefix($0 + ".") }
        }
        guard changes.isEmpty else {
            let list = changes.map { "\($0.key) was \($0.before) and is \($0.after)" }.joined(separator: "; ")
            throw DataError(
                .badData, source, key: changes[0].key,
                "the configuration is not the one that the run was started with: \(list). Only "
                    + Self.changeableOnResume.joined(separator: ", ")
                    + " may change; undo the rest, or start another run with --out")
        }
    }
}

extension ConfigValue {
    /// Every entry that is not the same in an earlier document; 1 and 1.0 are.
    fileprivate func differences(
        from earlier: ConfigValue, path: String = ""
    ) -> [(key: String, before: ConfigValue, after: ConfigValue)] {
        if case .object(let old) = earlier, case .object(let new) = self {
            return Set(old.keys).union(new.keys).sorted().flatMap { key in
                (new[key] ?? .null).differences(from: old[key] ?? .null, path: path.isEmpty ? key : "\(path).\(key)")
            }
        }
        if case .array(let old) = earlier, case .array(let new) = self, old.count == new.count {
            let isSame = zip(new, old).allSatisfy { $0.differences(from: $1).isEmpty }
            return isSame ? [] : [(path, earlier, self)]
        }
        if let old = earlier.number, let new = number, old == new { return [] }
        return earlier == self ? [] : [(path, earlier, self)]
    }
}
