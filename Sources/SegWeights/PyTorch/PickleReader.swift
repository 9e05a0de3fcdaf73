internal import Foundation
internal import SegCore

/// Reads a pickle of `torch.save` as data: opcodes make values, but nothing is imported, called or run.
///
/// An object that is not a tensor becomes the name of its class. An opcode that torch.save does not write is refused,
/// with its name. Time and memory are proportional to the pickle's length, and both are limited by `Limits`.
struct PickleReader {
    private let bytes: Data
    private(set) var position = 0
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var tuples: [[PickleValue]] = []
    private var lists: [[PickleValue]] = []
    private var dictionaries: [[String: PickleValue]] = []
    private var storages: [TorchStorage] = []
    private var tensors: [TorchTensor] = []
    private var arrays: [PickleArray] = []
    private var elementTypes: [PickleElementType] = []
    private var encodedBytes = 0

    /// The value that the pickle describes.
    private(set) var result: PickleValue = .none

    /// Reads the pickle to its end.
    init(_ bytes: Data) throws(CheckpointFault) {
        self.bytes = bytes
        var steps = 0
        while true {
            steps += 1
            guard steps <= Limits.pickleNodes else {
                throw CheckpointFault("its pickle has more than \(Limits.pickleNodes) values; save only the weights")
            }
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

    /// A tensor of this pickle.
    func tensor(_ index: Int) -> TorchTensor { tensors[index] }

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
            let bits = try take(8, "a number").reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            stack.append(.double(Double(bitPattern: bits)))
        case .text1, .bytesText1: stack.append(.string(try text(countOf: 1)))
        case .text4, .bytesText4: stack.append(.string(try text(countOf: 4)))
        case .text8: stack.append(.string(try text(countOf: 8)))
        case .bytes1: stack.append(.bytes(Array(try take(integer(1, "a length"), "bytes"))))
        case .bytes4: stack.append(.bytes(Array(try take(integer(4, "a length"), "bytes"))))
        case .long4: try ignoreBytes(countOf: 4)
        case .bytes8, .byteArray8: try ignoreBytes(countOf: 8)
        case .emptyList: push(newList())
        case .emptySet: stack.append(.ignored)
        case .append: try addToList(popLast(1))
        case .appends: try addToList(popToMark())
        case .addItems: _ = try popToMark()
        case .frozenSet:
            _ = try popToMark()
            stack.append(.ignored)
        case .emptyTuple: push(tuple: [])
        case .tuple1, .tuple2, .tuple3: try pushTuple(opcode == .tuple1 ? 1 : opcode == .tuple2 ? 2 : 3)
        case .tuple: push(tuple: try popToMark())
        case .emptyDictionary: push(newDictionary())
        case .setItem: try setItems(popLast(2))
        case .setItems: try setItems(popToMark())
        case .global: stack.append(.global(try global(module: line(), name: line())))
        case .stackGlobal: try pushStackGlobal()
        case .reduce: try reduce()
        case .newObject: try makeObject(arguments: 1)
        case .newObjectNamed: try makeObject(arguments: 2)
        case .build: try build()
        case .persistentID: stack.append(try storage(of: pop()))
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

    /// Reads an unsigned little-endian number of at most eight bytes; a number above `Int.max` becomes `Int.max`.
    private mutating func integer(_ count: Int, _ what: String) throws(CheckpointFault) -> Int {
        Int(clamping: try take(count, what).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) })
    }

    /// Skips bytes that no tensor needs. The `count` bytes before them store the number of these bytes.
    private mutating func ignoreBytes(countOf count: Int) throws(CheckpointFault) {
        _ = try take(integer(count, "a length"), "bytes")
        stack.append(.ignored)
    }

    private mutating func text(countOf bytes: Int) throws(CheckpointFault) -> String {
        let text = String(decoding: try take(integer(bytes, "a length"), "text"), as: UTF8.self)
        guard !text.hasLongCombiningRun else {
            throw CheckpointFault(
                "its pickle has a text with more than \(Limits.combiningRun) combining characters in a row")
        }
        return text
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

    /// Reads a signed number of up to eight bytes; a longer one, such as a hash, is ignored.
    private mutating func long() throws(CheckpointFault) -> PickleValue {
        let digits = try take(integer(1, "a length"), "a number")
        guard digits.count <= 8 else { return .ignored }
        let sign: UInt64 = digits.last.map { $0 >= 0x80 } == true ? .max : 0
        return .int(Int(Int64(bitPattern: digits.reversed().reduce(sign) { $0 << 8 | UInt64($1) })))
    }

    private mutating func checkProtocol() throws(CheckpointFault) {
        let version = try integer(1, "its version")
        guard version <= 5 else {
            throw CheckpointFault("its pickle has the unknown protocol \(version); 0 to 5 are known")
        }
    }
}

// MARK: - Stack

extension PickleReader {
    private var bottom: Int { marks.last ?? 0 }

    func top() throws(CheckpointFault) -> PickleValue {
        guard stack.count > bottom, let value = stack.last else { throw Self.emptyStack(position) }
        return value
    }

    private static func emptyStack(_ position: Int) -> CheckpointFault {
        CheckpointFault("its pickle uses a missing value at byte \(position); the file is damaged")
    }

    private mutating func pop() throws(CheckpointFault) -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    mutating func popLast(_ count: Int) throws(CheckpointFault) -> [PickleValue] {
        guard stack.count - bottom >= count else { throw Self.emptyStack(position) }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws(CheckpointFault) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw Self.emptyStack(position) }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private func recall(_ index: Int) throws(CheckpointFault) -> PickleValue {
        guard let value = memo[index] else {
            throw CheckpointFault("its pickle refers to value \(index), which it never stored; the file is damaged")
        }
        return value
    }

    /// Pushes a value onto the stack.
    mutating func push(_ value: PickleValue) { stack.append(value) }

    func items(ofTuple index: Int) -> [PickleValue] { tuples[index] }

    func items(ofList index: Int) -> [PickleValue] { lists[index] }

    private mutating func newList() -> PickleValue {
        lists.append([])
        return .list(lists.count - 1)
    }

    /// Adds items to the list below them on the stack; items of an object are ignored.
    private mutating func addToList(_ items: [PickleValue]) throws(CheckpointFault) {
        if case .list(let index) = try top() { lists[index] += items }
    }

    func storage(_ index: Int) -> TorchStorage { storages[index] }

    mutating func newStorage(_ storage: TorchStorage) -> PickleValue {
        storages.append(storage)
        return .storage(storages.count - 1)
    }

    mutating func newTensor(_ tensor: TorchTensor) -> PickleValue {
        tensors.append(tensor)
        return .tensor(tensors.count - 1)
    }

    func array(_ index: Int) -> PickleArray { arrays[index] }

    mutating func newArray() -> PickleValue {
        arrays.append(PickleArray())
        return .array(arrays.count - 1)
    }

    func elementType(_ index: Int) -> PickleElementType { elementTypes[index] }

    mutating func newElementType(_ name: String) -> PickleValue {
        elementTypes.append(PickleElementType(name: name))
        return .elementType(elementTypes.count - 1)
    }

    mutating func setBigEndian(_ index: Int) { elementTypes[index].isBigEndian = true }

    mutating func setArray(_ index: Int, to array: PickleArray) { arrays[index] = array }

    /// Counts a text that is converted to bytes, so one text cannot be converted again and again.
    mutating func countEncoded(_ text: String) throws(CheckpointFault) {
        encodedBytes += text.utf8.count
        guard encodedBytes <= bytes.count else {
            throw CheckpointFault(
                "its pickle converts texts to more bytes than its own length, which torch.save never does")
        }
    }

    mutating func newDictionary() -> PickleValue {
        dictionaries.append([:])
        return .dictionary(dictionaries.count - 1)
    }

    private mutating func push(tuple: [PickleValue]) {
        tuples.append(tuple)
        stack.append(.tuple(tuples.count - 1))
    }

    private mutating func pushTuple(_ count: Int) throws(CheckpointFault) { push(tuple: try popLast(count)) }

    /// Adds alternating keys and values to the dictionary that lies below them on the stack. An entry whose key is not a
    /// text is ignored, because such a key names no weights. If an object lies there, all entries are ignored.
    private mutating func setItems(_ items: [PickleValue]) throws(CheckpointFault) {
        if case .object = try top() { return }
        guard case .dictionary(let index) = try top(), items.count % 2 == 0 else {
            throw CheckpointFault(
                "at byte \(position), its pickle adds to a value that is not a dictionary, or a key without a value")
        }
        for pair in stride(from: 0, to: items.count, by: 2) {
            if case .string(let key) = items[pair] { dictionaries[index][key] = items[pair + 1] }
        }
    }
}
