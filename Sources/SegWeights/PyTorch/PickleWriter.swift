/// Writes values as a Python pickle, protocol 2, as `torch.save` does; `torch.load(weights_only=True)` reads all of it.
struct PickleWriter {
    private var out: [UInt8] = [PickleOpcode.proto.rawValue, 2]
    private let tensors: [StoredTensor]

    /// Returns the pickle of a value.
    /// - Precondition: The number of every tensor is an index of the list.
    static func bytes(of value: CheckpointValue, _ tensors: [StoredTensor]) -> [UInt8] {
        var writer = PickleWriter(tensors: tensors)
        writer.append(value)
        writer.emit(.stop)
        return writer.out
    }

    private init(tensors: [StoredTensor]) { self.tensors = tensors }

    private mutating func emit(_ opcodes: PickleOpcode...) { out += opcodes.map(\.rawValue) }

    private mutating func append(_ value: CheckpointValue) {
        switch value {
        case .none: emit(.none)
        case .bool(let truth): emit(truth ? .true : .false)
        case .int(let number): append(number)
        case .double(let number):
            emit(.float)
            out += Swift.withUnsafeBytes(of: number.bitPattern.bigEndian, Array.init)
        case .text(let text): append(text)
        case .list(let items):
            emit(.emptyList, .mark)
            for item in items { append(item) }
            emit(.appends)
        case .tuple(let items): appendTuple(items)
        case .dictionary(let entries):
            emit(.emptyDictionary, .mark)
            for (key, value) in entries {
                append(key)
                append(value)
            }
            emit(.setItems)
        case .ordered(let entries):
            appendEmptyOrdered()
            emit(.mark)
            for (key, value) in entries {
                append(key)
                append(value)
            }
            emit(.setItems)
        case .tensor(let number): appendTensor(number)
        case .device(let name):
            appendGlobal("torch", "device")
            appendTuple([.text(name)])
            emit(.reduce)
        }
    }

    private mutating func append(_ text: String) {
        emit(.text4)
        out += Swift.withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian, Array.init)
        out += Array(text.utf8)
    }

    private mutating func append(_ number: Int) {
        emit(.long1)
        out.append(8)
        out += Swift.withUnsafeBytes(of: Int64(number).littleEndian, Array.init)
    }

    private mutating func appendTuple(_ items: [CheckpointValue]) {
        emit(.mark)
        for item in items { append(item) }
        emit(.tuple)
    }

    private mutating func appendGlobal(_ module: String, _ name: String) {
        emit(.global)
        out += Array("\(module)\n\(name)\n".utf8)
    }

    private mutating func appendEmptyOrdered() {
        appendGlobal("collections", "OrderedDict")
        emit(.emptyTuple, .reduce)
    }

    /// Appends a call of `_rebuild_tensor_v2` on a storage, which is the entry `data/NUMBER` of the archive.
    private mutating func appendTensor(_ number: Int) {
        let tensor = tensors[number]
        appendGlobal("torch._utils", "_rebuild_tensor_v2")
        emit(.mark, .mark)
        append("storage")
        appendGlobal("torch", tensor.dtype.storageName)
        append(String(number))
        append("cpu")
        append(tensor.count)
        emit(.tuple, .persistentID)
        append(0)
        appendTuple(tensor.shape.map { .int($0) })
        appendTuple(Self.strides(of: tensor.shape).map { .int($0) })
        emit(.false)
        appendEmptyOrdered()
        emit(.tuple, .reduce)
    }

    /// Returns row-major strides in elements; as in PyTorch, a size of 0 counts as 1.
    private static func strides(of shape: [Int]) -> [Int] {
        shape.indices.map { shape[($0 + 1)...].reduce(1) { $0 * max($1, 1) } }
    }
}

extension StoredTensor.DType {
    /// PyTorch's class of a storage with this element type.
    fileprivate var storageName: String {
        switch self {
        case .f64: "DoubleStorage"
        case .f32: "FloatStorage"
        case .f16: "HalfStorage"
        case .bf16: "BFloat16Storage"
        case .i64: "LongStorage"
        case .i32: "IntStorage"
        case .i16: "ShortStorage"
        case .i8: "CharStorage"
        case .u8: "ByteStorage"
        case .bool: "BoolStorage"
        }
    }
}
