internal import SegCore

extension PickleReader {
    /// A value of the pickle as a configuration; a tensor or an object becomes a text that says so.
    ///
    /// Values that the pickle repeats count again, so that lists of lists cannot grow beyond the limits of a document.
    /// - Throws: `CheckpointFault` where it nests too deep or has too many values.
    func configuration(_ value: PickleValue) throws(CheckpointFault) -> ConfigValue {
        var nodes = 0
        return try configuration(value, depth: 0, nodes: &nodes)
    }

    private func configuration(
        _ value: PickleValue, depth: Int, nodes: inout Int
    ) throws(CheckpointFault) -> ConfigValue {
        nodes += 1
        guard depth <= Limits.documentDepth, nodes <= Limits.documentNodes else {
            throw CheckpointFault("its configuration nests too deep or has more than \(Limits.documentNodes) values")
        }
        switch value {
        case .none: return .null
        case .bool(let truth): return .bool(truth)
        case .int(let number): return .int(number)
        case .double(let number): return .double(number)
        case .string(let text): return .string(text)
        case .tuple(let index): return try list(items(ofTuple: index), depth: depth, nodes: &nodes)
        case .list(let index): return try list(items(ofList: index), depth: depth, nodes: &nodes)
        case .dictionary(let index):
            var entries: [String: ConfigValue] = [:]
            for (key, entry) in self.entries(index) {
                entries[key] = try configuration(entry, depth: depth + 1, nodes: &nodes)
            }
            return .object(entries)
        case .object(let type): return .string("an object of \(type)")
        case .tensor: return .string("a tensor")
        case .global, .storage, .ignored: return .string("an object of Python")
        }
    }

    private func list(
        _ items: [PickleValue], depth: Int, nodes: inout Int
    ) throws(CheckpointFault) -> ConfigValue {
        var values: [ConfigValue] = []
        for item in items { values.append(try configuration(item, depth: depth + 1, nodes: &nodes)) }
        return .array(values)
    }
}
