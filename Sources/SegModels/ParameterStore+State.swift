internal import SegBackend
internal import SegCore
public import SegNN
internal import SegTensor
public import SegWeights

/// The result of matching a file's arrays with a network's parameters.
public struct StateMatch: Sendable {
    /// The names that the file and the network share, with the same shape.
    public var matched: [String] = []
    /// The names that the network has but the file lacks.
    public var missing: [String] = []
    /// The names that the file has but the network lacks.
    public var unexpected: [String] = []
    /// The names that the file and the network both have, but with different shapes.
    public var misshapen: [(name: String, file: [Int], network: [Int])] = []
    /// The names in a file of an older MONAI version that the network lacks; no output depends on them.
    public var obsolete: [String] = []
    /// The names of the network that a file of an older MONAI version lacks; no output depends on them.
    public var defaulted: [String] = []
    /// The names that the file and the network both have, but whose values the network determines and the file contradicts:
    /// second names of a parameter, tables of integers.
    public var conflicting: [String] = []

    /// Whether no name is missing, unexpected, misshapen or conflicting.
    public var isComplete: Bool {
        missing.isEmpty && unexpected.isEmpty && misshapen.isEmpty && conflicting.isEmpty
    }

    /// A description of all mismatches for the user; lists are cut after eight names.
    public var summary: String {
        var lines: [String] = []
        func list(_ title: String, _ names: [String]) {
            guard !names.isEmpty else { return }
            let more = names.count > 8 ? ", and \(names.count - 8) more" : ""
            lines.append("\(title) (\(names.count)): " + names.prefix(8).joined(separator: ", ") + more)
        }
        list("in the network but not in the file", missing)
        list("in the file but not in the network", unexpected)
        list("shapes differ", misshapen.map { "\($0.name) (file \($0.file), network \($0.network))" })
        list("values contradict another name of the same parameter, or a constant of the network", conflicting)
        return lines.joined(separator: "; ")
    }
}

extension ParameterStore {
    /// Returns the network's state under PyTorch's names and layouts.
    /// - Throws: `BackendError` if the transfer fails.
    public func state() throws -> [String: StoredTensor] {
        var state: [String: StoredTensor] = [:]
        for parameter in parameters {
            state[parameter.name] = StoredTensor(try parameter.leaf.floats(), shape: savedShape(of: parameter))
        }
        for counter in counters { state[counter.name] = StoredTensor([counter.value], shape: []) }
        for constant in constants {
            state[constant.name] = StoredTensor(constant.values, shape: constant.shape.dimensions)
        }
        for (name, original) in aliases { state[name] = state[original] }
        return state
    }

    /// Compares a file's arrays with the parameters by name and shape.
    public func match(_ state: [String: StoredTensor]) -> StateMatch {
        var match = StateMatch()
        for parameter in parameters {
            guard let stored = state[parameter.name] else {
                if StateDict.isOptional(parameter.name) {
                    match.defaulted.append(parameter.name)
                } else {
                    match.missing.append(parameter.name)
                }
                continue
            }
            let shape = savedShape(of: parameter)
            if stored.shape == shape {
                match.matched.append(parameter.name)
            } else {
                match.misshapen.append((parameter.name, stored.shape, shape))
            }
        }
        let known = Set(parameters.map(\.name)).union(counters.map(\.name)).union(constants.map(\.name))
            .union(aliases.map(\.name))
        let others = state.keys.filter { !known.contains($0) }.sorted()
        match.unexpected = others.filter { !StateDict.isObsolete($0) }
        match.obsolete = others.filter(StateDict.isObsolete)
        match.conflicting = conflicts(in: state)
        return match
    }

    /// Returns the second names whose arrays differ from those of the first names, and the fixed integer tables that
    /// differ from the network's; a file may lack any of them.
    private func conflicts(in state: [String: StoredTensor]) -> [String] {
        let copies = aliases.filter { alias, original in
            guard let copy = state[alias], let first = state[original] else { return false }
            return (copy.shape, copy.dtype) != (first.shape, first.dtype) || copy.bytes != first.bytes
        }
        let tables = constants.filter { constant in
            guard let stored = state[constant.name] else { return false }
            return stored.shape != constant.shape.dimensions || stored.integers() != constant.values
        }
        return copies.map(\.name) + tables.map(\.name)
    }

    /// Returns a complete state_dict of the network from a file's arrays, for PyTorch's `load_state_dict(strict=True)`.
    ///
    /// Arrays that match come from the file, with its element types. Counters, fixed integers, second names and arrays
    /// that an older MONAI did not save are filled in; missing or misshapen parameters are left out.
    /// - Throws: `BackendError` if a transfer fails.
    public func state(from file: [String: StoredTensor]) throws -> [String: StoredTensor] {
        let match = match(file)
        let absent = Set(match.missing + match.misshapen.map(\.name))
        let taken = Set(match.matched + counters.map(\.name))
        var state = try state().filter { !absent.contains($0.key) }
        for (name, stored) in file where taken.contains(name) { state[name] = stored }
        for (name, original) in aliases { state[name] = state[original] }
        return state
    }

    /// Loads a file's arrays as the network's state; nothing changes if any array does not fit.
    /// - Throws: `DataError` listing names and shapes that do not fit; `BackendError` if the transfer fails.
    public func load(_ state: [String: StoredTensor], source: String) throws {
        try load(Weights(source: source, tensors: StateDict.normalized(state)))
    }

    /// Loads a file's arrays as the network's state; nothing changes if any array does not fit.
    /// - Returns: Notes about the weights for the user, one sentence each.
    /// - Throws: `DataError` listing names and shapes that do not fit; `BackendError` if the transfer fails.
    @discardableResult
    public func load(_ weights: Weights) throws -> [String] {
        let weights = try fitted(weights)
        let match = match(weights.tensors)
        guard match.isComplete else {
            let notes = weights.notes.map { "; \($0)" }.joined()
            throw DataError(.badData, weights.source, "the weights do not fit the network: \(match.summary)\(notes)")
        }
        try set(match.matched, from: weights)
        for counter in counters { counter.value = weights.tensors[counter.name]?.integers().first ?? 0 }
        return weights.notes
    }

    /// Loads the arrays of a file that the network has under the same name and in the same shape.
    /// - Returns: The result of the matching, and notes about the file for the user.
    /// - Throws: `DataError` if no array fits or one holds NaN; `BackendError` if the transfer fails.
    public func loadMatching(_ weights: Weights) throws -> (match: StateMatch, notes: [String]) {
        let weights = try fitted(weights)
        let match = match(weights.tensors)
        guard !match.matched.isEmpty else {
            throw DataError(.badData, weights.source, "none of its arrays fits the network: \(match.summary)")
        }
        try set(match.matched, from: weights)
        return (match, weights.notes)
    }

    /// Sets the parameters; none changes if one of the arrays is not finite.
    private func set(_ names: [String], from weights: Weights) throws {
        let wanted = Set(names)
        let values = parameters.filter { wanted.contains($0.name) }.map { ($0, weights.tensors[$0.name]?.floats()) }
        if let broken = values.first(where: { $0.1?.allSatisfy(\.isFinite) == false })?.0 {
            throw DataError(
                .badData, weights.source, key: broken.name,
                "contains NaN or infinite numbers; the weights come from a failed run"
            )
        }
        for case let (parameter, values?) in values { try parameter.set(values) }
    }
}
