internal import SegCore

extension PickleReader {
    /// Converts a value of the pickle to a configuration; a tensor or an object becomes a descriptive text.
    ///
    /// `array` converts a NumPy array, given as a list. Values that the pickle repeats are counted again; therefore
    /// lists of lists cannot grow beyond the limits of a document.
    /// - Throws: `CheckpointFault` if the value is nested too deeply or contains too many values.
    func configuration(
        _ value: PickleValue, array: (ConfigValue) -> ConfigValue = { $0 }
    ) throws(CheckpointFault) -> ConfigValue {
        var nodes = 0
        return try configuration(value, depth: 0, nodes: &nodes, array)
    }

    private func configuration(
        _ value: PickleValue, depth: Int, nodes: inout Int, _ made: (ConfigValue) -> ConfigValue
    ) throws(CheckpointFault) -> ConfigValue {
        nodes += 1
        guard depth <= Limits.documentDepth, nodes <= Limits.documentNodes else {
            throw CheckpointFault(
                "its configuration is nested too deeply or has more than \(Limits.documentNodes) values")
        }
        switch value {
        case .none: return .null
        case .bool(let truth): return .bool(truth)
        case .int(let number): return .int(number)
        case .double(let number): return .double(number)
        case .string(let text): return .string(text)
        case .tuple(let index): return try list(items(ofTuple: index), depth: depth, nodes: &nodes, made)
        case .list(let index): return try list(items(ofList: index), depth: depth, nodes: &nodes, made)
        case .dictionary(let index):
            var entries: [String: ConfigValue] = [:]
            for (key, entry) in self.entries(index) {
                entries[key] = try configuration(entry, depth: depth + 1, nodes: &nodes, made)
            }
            return .object(entries)
        case .object(let type): return .string("an object of \(type)")
        case .tensor: return .string("a tensor")
        case .array(let index): return made(try numbers(array(index), nodes: &nodes))
        case .global, .storage, .ignored, .bytes, .elementType: return .string("an object of Python")
        }
    }

    /// Converts a NumPy array to lists of lists; an array of anything but integers and real numbers becomes a descriptive text.
    private func numbers(_ array: PickleArray, nodes: inout Int) throws(CheckpointFault) -> ConfigValue {
        let other = ConfigValue.string("an array of NumPy")
        guard let size = PickleArray.sizes[array.elementType.name], array.shape.allSatisfy({ $0 > 0 }),
            array.shape.count <= Limits.documentDepth
        else { return other }
        guard !array.elementType.isBigEndian else {
            throw CheckpointFault(
                "contains a NumPy array from a big-endian machine; save it as array.astype('<f4') or similar")
        }
        let count = array.bytes.count / size
        nodes += 2 * count
        guard nodes <= Limits.documentNodes else {
            throw CheckpointFault("contains a NumPy array of \(count) numbers, which is too large for a configuration")
        }
        guard array.shape.allSatisfy({ $0 <= count }), array.shape.reduce(1.0, { $0 * Double($1) }) == Double(count),
            count * size == array.bytes.count
        else { throw CheckpointFault("contains a NumPy array whose shape \(array.shape) does not fit its bytes") }
        return array.lists(axis: 0, offset: 0, size: size)
    }

    private func list(
        _ items: [PickleValue], depth: Int, nodes: inout Int, _ made: (ConfigValue) -> ConfigValue
    ) throws(CheckpointFault) -> ConfigValue {
        var values: [ConfigValue] = []
        for item in items { values.append(try configuration(item, depth: depth + 1, nodes: &nodes, made)) }
        return .array(values)
    }
}

extension PickleArray {
    /// The sizes of the supported element types in bytes.
    fileprivate static let sizes = ["i1": 1, "i2": 2, "i4": 4, "i8": 8, "u1": 1, "b1": 1, "f4": 4, "f8": 8]

    /// Returns the part of the array from an element on, along an axis and the axes after it.
    fileprivate func lists(axis: Int, offset: Int, size: Int) -> ConfigValue {
        guard axis < shape.count else { return element(offset, size: size) }
        let inner = isColumnMajor ? shape[..<axis] : shape[(axis + 1)...]
        let step = inner.reduce(1, *)
        return .array((0..<shape[axis]).map { lists(axis: axis + 1, offset: offset + $0 * step, size: size) })
    }

    private func element(_ index: Int, size: Int) -> ConfigValue {
        let bits = bytes[index * size..<(index + 1) * size].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        switch elementType.name {
        case "f4": return .double(Double(Float(bitPattern: UInt32(bits))))
        case "f8": return .double(Double(bitPattern: bits))
        case "b1": return .bool(bits != 0)
        case "u1": return .int(Int(bits))
        default:
            let unused = 64 - 8 * size
            return .int(Int(Int64(bitPattern: bits << UInt64(unused)) >> Int64(unused)))
        }
    }
}
