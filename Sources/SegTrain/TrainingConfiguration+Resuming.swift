public import SegCore
internal import SegImaging
internal import SegInference

extension TrainingConfiguration {
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
            // Until 0.2 a list of transforms was recorded as no steps at all.
            !(change.key == "postprocessing" && model.postprocessing.isEmpty)
                && !Self.changeableOnResume.contains { change.key == $0 || change.key.hasPrefix($0 + ".") }
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
