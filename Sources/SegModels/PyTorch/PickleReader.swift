internal import Foundation

/// Reads a pickle of `torch.save` as data: opcodes make values, nothing is imported, called or run.
///
/// An opcode or a global that tensors do not need is refused by its name. Work and memory are in proportion to the
/// pickle's length.
struct PickleReader {
    private let bytes: Data
    private var position = 0
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var tuples: [[PickleValue]] = []
    private var dictionaries: [[String: PickleValue]] = []

    /// The value that the pickle describes.
    private(set) var result: PickleValue = .none

    /// Runs through the pickle to its end.
    init(_ bytes: Data) throws(CheckpointFault) {
        self.bytes = bytes
        while true {
            let offset = position
            let code = UInt8(try integer(1, "an opcode"))
            guard let opcode = PickleOpcode(rawValue: code) else {
                let name = PickleOpcode.refused[code] ?? "0x" + String(code, radix: 16)
                throw CheckpointFault("its pickle has the opcode \(name) at byte \(offset), which no tensor needs")
            }
            if opcode == .stop { break }
            try apply(opcode)
        }
        result = try pop()
    }

    /// The entries of a dictionary of this pickle.
    func entries(_ dictionary: Int) -> [String: PickleValue] { dictionaries[dictionary] }

    private mutating func apply(_ opcode: PickleOpcode) throws(CheckpointFault) {
        switch opcode {
        case .stop: break
        case .proto: try checkProtocol()
        case .frame: _ = try take(8, "a frame")
        case .mark: marks.append(stack.count)
        case .pop: _ = try pop()
        case .none: stack.append(.none)
        case .true: stack.append(.bool(true))
        case .false: stack.append(.bool(false))
        case .int1: stack.append(.int(try integer(1, "a number")))
        case .int2: stack.append(.int(try integer(2, "a number")))
        case .int4: stack.append(.int(Int(Int32(truncatingIfNeeded: try integer(4, "a number")))))
        case .long1: stack.append(try long())
        case .float:
            _ = try take(8, "a number")
            stack.append(.ignored)
        case .text1, .bytesText1: stack.append(.string(try text(countOf: 1)))
        case .text4, .bytesText4: stack.append(.string(try text(countOf: 4)))
        case .bytes1, .bytes4:
            _ = try take(integer(opcode == .bytes1 ? 1 : 4, "a length"), "bytes")
            stack.append(.ignored)
        case .emptyList: stack.append(.ignored)
        case .append: try discard(1)
        case .appends: _ = try popToMark()
        case .emptyTuple: push(tuple: [])
        case .tuple1, .tuple2, .tuple3: try pushTuple(opcode == .tuple1 ? 1 : opcode == .tuple2 ? 2 : 3)
        case .tuple: push(tuple: try popToMark())
        case .emptyDictionary: pushDictionary()
        case .setItem: try setItems(popLast(2))
        case .setItems: try setItems(popToMark())
        case .global: stack.append(.global(try global(module: line(), name: line())))
        case .stackGlobal: try pushStackGlobal()
        case .reduce: try reduce()
        case .build: try build()
        case .persistentID: stack.append(.storage(try storage(of: pop())))
        case .put1: memo[try integer(1, "a memo")] = try top()
        case .put4: memo[try integer(4, "a memo")] = try top()
        case .memoize: memo[memo.count] = try top()
        case .get1: stack.append(try recall(integer(1, "a memo")))
        case .get4: stack.append(try recall(integer(4, "a memo")))
        }
    }
}

// MARK: - Bytes

extension PickleReader {
    private mutating func take(_ count: Int, _ what: String) throws(CheckpointFault) -> Data {
        guard count <= bytes.count - position else {
            throw CheckpointFault("its pickle ends within \(what) at byte \(position); the file is damaged")
        }
        defer { position += count }
        return bytes[bytes.startIndex + position..<bytes.startIndex + position + count]
    }

    /// An unsigned little-endian number of at most four bytes.
    private mutating func integer(_ count: Int, _ what: String) throws(CheckpointFault) -> Int {
        try take(count, what).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func text(countOf bytes: Int) throws(CheckpointFault) -> String {
        String(decoding: try take(integer(bytes, "a length"), "text"), as: UTF8.self)
    }

    private mutating func line() throws(CheckpointFault) -> String {
        let rest = bytes[(bytes.startIndex + position)...]
        guard let end = rest.firstIndex(of: 0x0A), end - rest.startIndex <= 256 else {
            throw CheckpointFault("its pickle has no name at byte \(position); the file is damaged")
        }
        let text = String(decoding: rest[..<end], as: UTF8.self)
        position += end - rest.startIndex + 1
        return text
    }

    /// A signed number of up to eight bytes; a longer one, such as a hash, is skipped.
    private mutating func long() throws(CheckpointFault) -> PickleValue {
        let digits = try take(integer(1, "a length"), "a number")
        guard digits.count <= 8 else { return .ignored }
        let sign: UInt64 = digits.last.map { $0 >= 0x80 } == true ? .max : 0
        return .int(Int(Int64(bitPattern: digits.reversed().reduce(sign) { $0 << 8 | UInt64($1) })))
    }

    private mutating func checkProtocol() throws(CheckpointFault) {
        let version = try integer(1, "its version")
        guard version <= 5 else { throw CheckpointFault("its pickle has the unknown protocol \(version)") }
    }
}

// MARK: - Stack

extension PickleReader {
    private var bottom: Int { marks.last ?? 0 }

    private func top() throws(CheckpointFault) -> PickleValue {
        guard stack.count > bottom, let value = stack.last else { throw Self.emptyStack(position) }
        return value
    }

    private static func emptyStack(_ position: Int) -> CheckpointFault {
        CheckpointFault("its pickle takes a value that is not there at byte \(position); the file is damaged")
    }

    private mutating func pop() throws(CheckpointFault) -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func popLast(_ count: Int) throws(CheckpointFault) -> [PickleValue] {
        guard stack.count - bottom >= count else { throw Self.emptyStack(position) }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func discard(_ count: Int) throws(CheckpointFault) { _ = try popLast(count) }

    private mutating func popToMark() throws(CheckpointFault) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw Self.emptyStack(position) }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private func recall(_ index: Int) throws(CheckpointFault) -> PickleValue {
        guard let value = memo[index] else {
            throw CheckpointFault("its pickle recalls value \(index), which it never kept; the file is damaged")
        }
        return value
    }

    private mutating func push(tuple: [PickleValue]) {
        tuples.append(tuple)
        stack.append(.tuple(tuples.count - 1))
    }

    private mutating func pushTuple(_ count: Int) throws(CheckpointFault) { push(tuple: try popLast(count)) }

    private mutating func pushDictionary() {
        dictionaries.append([:])
        stack.append(.dictionary(dictionaries.count - 1))
    }

    /// Sets keys and values, in turn, of the dictionary below them; keys that are no text name no weights.
    private mutating func setItems(_ items: [PickleValue]) throws(CheckpointFault) {
        guard case .dictionary(let index) = try top(), items.count % 2 == 0 else {
            throw CheckpointFault("its pickle sets items of what is no dictionary at byte \(position)")
        }
        for pair in stride(from: 0, to: items.count, by: 2) {
            if case .string(let key) = items[pair] { dictionaries[index][key] = items[pair + 1] }
        }
    }
}

// MARK: - Objects

extension PickleReader {
    private func global(module: String, name: String) throws(CheckpointFault) -> PickleGlobal {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw CheckpointFault(
                "its pickle asks for '\(module).\(name)', which no tensor needs; nothing was run. Save plain weights: "
                    + "torch.save(model.state_dict(), FILE)")
        }
        return global
    }

    private mutating func pushStackGlobal() throws(CheckpointFault) {
        let names = try popLast(2)
        guard case .string(let module) = names[0], case .string(let name) = names[1] else {
            throw CheckpointFault("its pickle asks for a global without a name; the file is damaged")
        }
        stack.append(.global(try global(module: module, name: name)))
    }

    /// What calling a global with a tuple of arguments would give.
    private mutating func reduce() throws(CheckpointFault) {
        let call = try popLast(2)
        guard case .global(let function) = call[0], case .tuple(let index) = call[1] else {
            throw CheckpointFault("its pickle calls what is no function at byte \(position)")
        }
        let arguments = tuples[index]
        switch function {
        case .orderedDictionary where arguments.isEmpty: pushDictionary()
        case .rebuildTensor: stack.append(.tensor(try tensor(arguments)))
        case .rebuildParameter:
            guard case .tensor(let tensor)? = arguments.first else {
                throw CheckpointFault("its pickle makes a parameter of what is no tensor")
            }
            stack.append(.tensor(tensor))
        case .size:
            guard let first = arguments.first, case .tuple = first else {
                throw CheckpointFault("its pickle makes a size of what is no tuple")
            }
            stack.append(first)
        case .scalar: stack.append(.ignored)
        case .storage, .orderedDictionary:
            throw CheckpointFault("its pickle calls \(function) with arguments that torch.save never writes")
        }
    }

    /// Attributes set on an object: PyTorch's `_metadata` of module versions, which is not needed.
    private mutating func build() throws(CheckpointFault) {
        try discard(1)
        switch try top() {
        case .dictionary, .ignored: break
        default: throw CheckpointFault("its pickle sets attributes of what has none at byte \(position)")
        }
    }

    /// The storage of a persistent id `("storage", type, key, location, count)`.
    private func storage(of id: PickleValue) throws(CheckpointFault) -> TorchStorage {
        guard case .tuple(let index) = id, tuples[index].count == 5, case .string("storage") = tuples[index][0],
            case .global(.storage(let dtype)) = tuples[index][1], case .string(let key) = tuples[index][2],
            case .int(let count) = tuples[index][4]
        else { throw CheckpointFault("its pickle refers to something that is no storage at byte \(position)") }
        guard count >= 0 else { throw CheckpointFault("storage '\(key)' has the absurd length \(count)") }
        return TorchStorage(dtype: dtype, key: key, count: count)
    }

    /// The view of `_rebuild_tensor_v2(storage, offset, size, stride, …)`.
    private func tensor(_ arguments: [PickleValue]) throws(CheckpointFault) -> TorchTensor {
        guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .int(let offset) = arguments[1],
            let shape = integers(arguments[2]), let strides = integers(arguments[3]), shape.count == strides.count
        else { throw CheckpointFault("its pickle describes a tensor wrongly at byte \(position)") }
        return TorchTensor(storage: storage, offset: offset, shape: shape, strides: strides)
    }

    private func integers(_ value: PickleValue) -> [Int]? {
        guard case .tuple(let index) = value, tuples[index].count <= TorchTensor.mostAxes else { return nil }
        var integers: [Int] = []
        for case .int(let integer) in tuples[index] { integers.append(integer) }
        return integers.count == tuples[index].count ? integers : nil
    }
}
