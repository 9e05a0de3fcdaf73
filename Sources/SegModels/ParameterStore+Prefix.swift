internal import SegCore
public import SegNN
public import SegWeights

extension ParameterStore {
    /// Returns a file's arrays under the network's own names, without the prefix that a training loop put before all of them.
    ///
    /// DataParallel, `torch.compile`, Lightning and averaged models hold a network as a submodule; therefore each name
    /// begins with `module.`, `_orig_mod.`, `model.` or the like. The prefix is found by comparison with the network's
    /// names, which may begin with the same words. The notes list the arrays outside the prefix.
    /// - Throws: `DataError` if the file contains the whole network more than once.
    public func fitted(_ weights: Weights) throws -> Weights {
        let names = parameters.map(\.name).filter { !StateDict.isOptional($0) }
        guard let prefix = try prefix(of: names, in: weights), !prefix.isEmpty else { return weights }
        let inside = weights.tensors.filter { $0.key.hasPrefix(prefix) }
        let aside = weights.tensors.keys.filter { !$0.hasPrefix(prefix) }.sorted()
        var notes = weights.notes
        notes.append("the names of the network's arrays in this file begin with '\(prefix)'")
        if !aside.isEmpty {
            let more = aside.count > 8 ? ", and \(aside.count - 8) more" : ""
            notes.append("arrays outside the network are left out: \(aside.prefix(8).joined(separator: ", "))\(more)")
        }
        let renamed = inside.map { (String($0.key.dropFirst(prefix.count)), $0.value) }
        return Weights(
            source: weights.source, tensors: Dictionary(renamed) { first, _ in first }, notes: notes)
    }

    /// Returns the prefix under which the file has the most of the names; nil if it has none of them.
    private func prefix(of names: [String], in weights: Weights) throws -> String? {
        let keys = weights.tensors.keys
        guard let first = names.prefix(4).first(where: { name in keys.contains { $0.hasSuffix(name) } }) else {
            return nil
        }
        let prefixes = keys.filter { $0.hasSuffix(first) }.map { String($0.dropLast(first.count)) }
            .filter { $0.isEmpty || $0.hasSuffix(".") }.sorted()
        let counts = prefixes.map { prefix in names.count { weights.tensors[prefix + $0] != nil } }
        guard let most = counts.max() else { return nil }
        let best = zip(prefixes, counts).filter { $0.1 == most }.map(\.0)
        guard best.count == 1 || best[0].isEmpty || most < names.count else {
            throw DataError(
                .badData, weights.source,
                "contains the network \(best.count) times, with names that begin with "
                    + best.map { "'\($0)'" }.joined(separator: " and ") + "; save only the one you need")
        }
        return best[0]
    }
}
