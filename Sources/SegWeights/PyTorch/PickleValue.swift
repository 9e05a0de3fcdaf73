/// What a pickle of a checkpoint holds. Containers are numbers into the reader's lists, so that nothing nests:
/// no depth, sharing or cycle of a hostile file can exhaust the stack or the memory.
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
    /// Something that stands beside the weights and is never looked at, such as bytes or a set.
    case ignored
    /// An object of a class that no tensor needs, by the name of the class; nothing is made of it.
    case object(String)
    /// Bytes of an array of NumPy.
    case bytes([UInt8])
    /// The type of an array's elements.
    case elementType(Int)
    /// An array of NumPy.
    case array(Int)

    /// The class of an object beside the weights; nil of what is none.
    var className: String? {
        switch self {
        case .object(let name): name
        case .array: "numpy.ndarray"
        case .elementType: "numpy.dtype"
        default: nil
        }
    }
}

/// The type of the elements of NumPy's arrays, and the order of their bytes, which a pickle sets afterwards.
struct PickleElementType {
    /// Kind and bytes, such as `i8`.
    var name = ""
    var isBigEndian = false
}

/// An array of NumPy, which pickles hold inside themselves.
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

/// A strided view of a storage; offset and strides count elements.
struct TorchTensor: Hashable {
    var storage: TorchStorage
    var offset: Int
    var shape: [Int]
    var strides: [Int]
}

/// The names that a pickle imports. None is imported: each stands for a rule of `PickleReader`.
enum PickleGlobal {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    /// A tensor of a subclass, such as MONAI's MetaTensor; the tensor in it is taken.
    case rebuildSubclass
    case size
    /// `numpy`'s function that makes an empty array, whose content follows.
    case array
    /// `numpy.dtype`.
    case elementType
    /// `_codecs.encode`, which makes bytes of a text.
    case encode
    case storage(StoredTensor.DType)
    /// A class or function of an object that stands beside the weights.
    case other(String)

    /// Reads a name; nil for one that only a file made to do harm asks for.
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

    /// Types of Python itself that people save beside weights.
    private static let plainTypes: Set<String> = [
        "set", "frozenset", "slice", "range", "xrange", "complex", "bytearray", "bytes", "object", "list", "dict",
        "tuple", "int", "float", "bool", "str", "unicode", "long",
    ]

    /// Modules whose functions start programs, load code or change files. Nothing of them is called here either; a
    /// file that asks for one is refused, because it is no mere checkpoint.
    private static let harmfulModules: Set<String> = [
        "os", "posix", "nt", "sys", "subprocess", "commands", "pty", "socket", "shutil", "runpy", "importlib", "imp",
        "ctypes", "code", "codeop", "marshal", "pickle", "_pickle", "cloudpickle", "dill", "webbrowser", "timeit",
        "pdb", "bdb", "cProfile", "profile", "asyncio", "multiprocessing", "signal", "operator", "_operator", "types",
        "urllib", "http", "ftplib", "requests",
    ]
}
