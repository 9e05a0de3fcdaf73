/// A value in the pickle of a checkpoint. Containers are indices into the reader's lists, so values are not nested: no
/// depth, sharing or cycle of a hostile file can exhaust the stack or the memory.
enum PickleValue {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case tuple(Int)
    case list(Int)
    case dictionary(Int)
    case global(PickleGlobal)
    case storage(Int)
    case tensor(Int)
    /// A value beside the weights that is never read, such as bytes or a set.
    case ignored
    /// An object of a class that no tensor needs, by the name of the class; the object is not created.
    case object(String)
    /// The bytes of a NumPy array.
    case bytes([UInt8])
    /// The element type of a NumPy array.
    case elementType(Int)
    /// A NumPy array.
    case array(Int)

    /// The class of an object beside the weights; nil for a value that is not an object.
    var className: String? {
        switch self {
        case .object(let name): name
        case .array: "numpy.ndarray"
        case .elementType: "numpy.dtype"
        default: nil
        }
    }
}

/// The element type of a NumPy array and its byte order, which a pickle sets afterwards.
struct PickleElementType {
    /// The kind and the number of bytes, such as `i8`.
    var name = ""
    var isBigEndian = false
}

/// A NumPy array, whose elements are in the pickle itself.
struct PickleArray {
    var shape: [Int] = []
    var elementType = PickleElementType()
    var isColumnMajor = false
    var bytes: [UInt8] = []
}

/// A block of elements in an archive's entry `data/KEY`.
struct TorchStorage: Hashable {
    var dtype: StoredTensor.DType
    var key: String
    var count: Int
}

/// A strided view of a storage; the offset and the strides are in elements.
struct TorchTensor: Hashable {
    var storage: TorchStorage
    var offset: Int
    var shape: [Int]
    var strides: [Int]
}

/// The names that a pickle imports. Nothing is imported; each name selects a rule of `PickleReader`.
enum PickleGlobal {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    /// A tensor of a subclass, such as MONAI's MetaTensor; the tensor in it is read.
    case rebuildSubclass
    case size
    /// NumPy's function that makes an empty array, whose content follows.
    case array
    /// `numpy.dtype`.
    case elementType
    /// `_codecs.encode`, which converts a text to bytes.
    case encode
    case storage(StoredTensor.DType)
    /// A class or function of an object beside the weights.
    case other(String)

    /// Recognises a name; nil for a name that only a malicious file imports.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"), ("torch._utils", "_rebuild_parameter_with_state"):
            self = .rebuildParameter
        case ("torch._tensor", "_rebuild_from_type_v2"): self = .rebuildSubclass
        case ("torch", "Size"): self = .size
        case ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"): self = .array
        case ("numpy", "dtype"): self = .elementType
        case ("_codecs", "encode"): self = .encode
        case ("torch", "load"), ("torch.hub", _), ("torch.jit", _): return nil
        case ("builtins", _), ("__builtin__", _):
            guard Self.plainTypes.contains(name) else { return nil }
            self = .other(name)
        default:
            if ["torch", "torch.cuda"].contains(module), let dtype = Self.storages[name] {
                self = .storage(dtype)
                return
            }
            guard let root = module.split(separator: ".").first, !Self.harmfulModules.contains(String(root)) else {
                return nil
            }
            self = .other("\(module).\(name)")
        }
    }

    private static let storages: [String: StoredTensor.DType] = [
        "DoubleStorage": .f64, "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16,
        "LongStorage": .i64, "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8,
        "BoolStorage": .bool,
    ]

    /// Python's built-in types that are saved beside weights.
    private static let plainTypes: Set<String> = [
        "set", "frozenset", "slice", "range", "xrange", "complex", "bytearray", "bytes", "object", "list", "dict",
        "tuple", "int", "float", "bool", "str", "unicode", "long",
    ]

    /// Modules whose functions start programs, load code or change files. MedSeg never calls functions that a file
    /// names; a file that imports one of these modules is refused, because it is more than a checkpoint.
    private static let harmfulModules: Set<String> = [
        "os", "posix", "nt", "sys", "subprocess", "commands", "pty", "socket", "shutil", "runpy", "importlib", "imp",
        "ctypes", "code", "codeop", "marshal", "pickle", "_pickle", "cloudpickle", "dill", "webbrowser", "timeit",
        "pdb", "bdb", "cProfile", "profile", "asyncio", "multiprocessing", "signal", "operator", "_operator", "types",
        "urllib", "http", "ftplib", "requests",
    ]
}
