internal import SegCore

extension PickleReader {
    func global(module: String, name: String) throws(CheckpointFault) -> PickleGlobal {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw CheckpointFault(
                "its pickle imports '\(module).\(name)', which no tensor needs; nothing was run. Save plain weights: "
                    + "torch.save(model.state_dict(), FILE)")
        }
        return global
    }

    mutating func pushStackGlobal() throws(CheckpointFault) {
        let names = try popLast(2)
        guard case .string(let module) = names[0], case .string(let name) = names[1] else {
            throw CheckpointFault("its pickle imports a global without a name; the file is damaged")
        }
        push(.global(try global(module: module, name: name)))
    }

    /// Pushes the result that a call of a global with a tuple of arguments would have.
    mutating func reduce() throws(CheckpointFault) {
        let call = try popLast(2)
        // An object may be called too, such as one that makes other objects.
        if case .object(let name) = call[0] { return push(.object(name)) }
        guard case .global(let function) = call[0], case .tuple(let index) = call[1] else {
            throw CheckpointFault("at byte \(position), its pickle calls a value that is not a function")
        }
        push(try value(of: function, items(ofTuple: index)))
    }

    private mutating func value(
        of function: PickleGlobal, _ arguments: [PickleValue]
    ) throws(CheckpointFault) -> PickleValue {
        switch function {
        case .orderedDictionary where arguments.isEmpty: return newDictionary()
        case .rebuildTensor: return try tensor(arguments)
        case .rebuildParameter: return try parameter(of: arguments.first)
        case .rebuildSubclass:
            guard arguments.count >= 3, case .global(let inner) = arguments[0], case .tuple(let index) = arguments[2]
            else { throw CheckpointFault("its pickle has an invalid tensor at byte \(position)") }
            switch inner {
            case .rebuildTensor: return try tensor(items(ofTuple: index))
            case .rebuildParameter: return try parameter(of: items(ofTuple: index).first)
            case .other(let name): return .object(name)
            default: throw CheckpointFault("its pickle has an invalid tensor at byte \(position)")
            }
        case .size:
            guard let first = arguments.first, case .tuple = first else {
                throw CheckpointFault("its pickle makes a size from a value that is not a tuple")
            }
            return first
        case .array: return newArray()
        case .elementType:
            guard case .string(let name)? = arguments.first else { return .object("numpy.dtype") }
            return newElementType(name)
        case .encode:
            // Protocols without a type for bytes write them as a text with one character per byte.
            guard case .string(let text)? = arguments.first else { return .ignored }
            try countEncoded(text)
            let bytes = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
            return bytes.count == text.unicodeScalars.count ? .bytes(bytes) : .ignored
        case .other(let name): return .object(name)
        case .storage, .orderedDictionary:
            throw CheckpointFault("its pickle calls \(function) with arguments that torch.save never writes")
        }
    }

    /// Returns the tensor of a parameter, or an object if the parameter is of an unsupported kind.
    private func parameter(of value: PickleValue?) throws(CheckpointFault) -> PickleValue {
        switch value {
        case .tensor(let index)?: return .tensor(index)
        case .object(let name)?: return .object(name)
        default: throw CheckpointFault("its pickle makes a parameter from a value that is not a tensor")
        }
    }

    /// Pushes an object of a class; its arguments are not read.
    mutating func makeObject(arguments count: Int) throws(CheckpointFault) {
        guard case .global(let type) = try popLast(count + 1)[0] else {
            throw CheckpointFault("at byte \(position), its pickle makes an object from a value that is not a class")
        }
        guard case .other(let name) = type else { return push(.ignored) }
        push(.object(name))
    }

    /// Sets attributes of an object: PyTorch's `_metadata` of module versions, or the state of an object that is not read.
    mutating func build() throws(CheckpointFault) {
        let state = try popLast(1)[0]
        switch try top() {
        case .array(let index): try fill(index, with: state)
        case .elementType(let index): if isBigEndian(state) { setBigEndian(index) }
        case .dictionary, .list, .ignored, .object, .tensor: break
        default: throw CheckpointFault("at byte \(position), its pickle sets attributes of a value that has none")
        }
    }

    /// Sets the content of an array: `(version, shape, type, is column-major, bytes)`.
    private mutating func fill(_ index: Int, with state: PickleValue) throws(CheckpointFault) {
        // Arrays of objects contain a list instead of bytes, and stay empty here.
        guard case .tuple(let tuple) = state, case let parts = items(ofTuple: tuple), parts.count == 5,
            let shape = integers(parts[1]), case .elementType(let type) = parts[2],
            case .bool(let isColumnMajor) = parts[3],
            case .bytes(let bytes) = parts[4]
        else { return }
        setArray(
            index,
            to: PickleArray(
                shape: shape, elementType: elementType(type), isColumnMajor: isColumnMajor, bytes: bytes))
    }

    /// Returns whether the state of an element type, `(version, byte order, …)`, says that it is big-endian.
    private func isBigEndian(_ state: PickleValue) -> Bool {
        guard case .tuple(let tuple) = state, case let parts = items(ofTuple: tuple), parts.count > 1,
            case .string(let order) = parts[1]
        else { return false }
        return order == ">"
    }

    /// Returns the storage of a persistent id `("storage", type, key, location, count)`.
    mutating func storage(of id: PickleValue) throws(CheckpointFault) -> PickleValue {
        guard case .tuple(let index) = id, case let parts = items(ofTuple: index), parts.count == 5,
            case .string("storage") = parts[0], case .global(let type) = parts[1], case .string(let key) = parts[2],
            case .int(let count) = parts[4]
        else { throw CheckpointFault("at byte \(position), its pickle refers to a value that is not a storage") }
        guard count >= 0 else { throw CheckpointFault("storage '\(key)' has the absurd length \(count)") }
        switch type {
        case .storage(let dtype): return newStorage(TorchStorage(dtype: dtype, key: key, count: count))
        // Elements of an unsupported type, such as complex numbers.
        case .other(let name): return .object(name)
        default: throw CheckpointFault("at byte \(position), its pickle refers to a value that is not a storage")
        }
    }

    /// Returns the view that `_rebuild_tensor_v2(storage, offset, size, stride, …)` describes.
    private mutating func tensor(_ arguments: [PickleValue]) throws(CheckpointFault) -> PickleValue {
        if case .object(let name)? = arguments.first { return .object(name) }
        guard arguments.count >= 4, case .storage(let index) = arguments[0], case .int(let offset) = arguments[1],
            let shape = integers(arguments[2]), let strides = integers(arguments[3]), shape.count == strides.count
        else { throw CheckpointFault("its pickle has an invalid tensor at byte \(position)") }
        return newTensor(TorchTensor(storage: storage(index), offset: offset, shape: shape, strides: strides))
    }

    private func integers(_ value: PickleValue) -> [Int]? {
        guard case .tuple(let index) = value else { return nil }
        let items = items(ofTuple: index)
        guard items.count <= Limits.tensorAxes else { return nil }
        var integers: [Int] = []
        for case .int(let integer) in items { integers.append(integer) }
        return integers.count == items.count ? integers : nil
    }
}
