public import SegCore
internal import SegImaging
internal import SegInference

extension TrainingConfiguration {
    /// The keys that may change when a training run is resumed. They give the paths of the data and the split (whose content
    /// is compared), the tracking, the end of the run and the files that are kept, but do not affect the learning.
    ///
    /// More iterations stretch the rest of a schedule that runs over the whole training.
    public static let changeableOnResume = [
        "data", "validation", "cache", "tracking", "iterations", "minutes", "checkpoint_every", "early_stopping",
        "init_from",
    ]

    /// Checks that this is the configuration that a run was started with, apart from the keys that may change.
    /// - Throws: `DataError` that lists the differences.
    public func checkResumes(_ started: ConfigValue, source: String) throws {
        let changes = resolved.differences(from: started).filter { change in
            // Until 0.2 a list of transforms was recorded as an empty postprocessing.
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
    /// Every entry that differs from an earlier document; 1 and 1.0 are equal.
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
