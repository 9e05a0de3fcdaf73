/// What a pickle of a checkpoint holds. Containers are numbers into the reader's lists, so that nothing nests:
/// no depth, sharing or cycle of a hostile file can exhaust the stack or the memory.
enum PickleValue {
    case none
    case bool(Bool)
    case int(Int)
    case string(String)
    case tuple(Int)
    case dictionary(Int)
    case global(PickleGlobal)
    case storage(TorchStorage)
    case tensor(TorchTensor)
    /// Something that stands beside the weights and is never looked at, such as a list of the optimiser.
    case ignored
}

/// A block of elements in an archive's entry `data/KEY`.
struct TorchStorage: Hashable {
    var dtype: StoredTensor.DType
    var key: String
    var count: Int
}

/// A strided view of a storage; offset and strides count elements.
struct TorchTensor: Hashable {
    var storage: TorchStorage
    var offset: Int
    var shape: [Int]
    var strides: [Int]
}

/// The only names that a pickle may import. None is imported: each stands for a rule of `PickleReader`.
enum PickleGlobal {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    case size
    case storage(StoredTensor.DType)
    /// A scalar that training loops save beside the weights; its value is not needed.
    case scalar

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", "Size"): self = .size
        case ("torch", "device"), ("numpy", "dtype"), ("_codecs", "encode"),
            ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"):
            self = .scalar
        default:
            guard ["torch", "torch.cuda"].contains(module), let dtype = Self.storages[name] else { return nil }
            self = .storage(dtype)
        }
    }

    private static let storages: [String: StoredTensor.DType] = [
        "DoubleStorage": .f64, "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16,
        "LongStorage": .i64, "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8,
        "BoolStorage": .bool,
    ]
}
