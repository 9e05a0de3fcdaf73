/// The opcodes of Python's `pickle` module, protocols 2 to 5, that checkpoints of tensors use.
enum PickleOpcode: UInt8 {
    case proto = 0x80
    case frame = 0x95
    case stop = 0x2E
    case mark = 0x28
    case pop = 0x30
    case none = 0x4E
    case `true` = 0x88
    case `false` = 0x89
    case int1 = 0x4B
    case int2 = 0x4D
    case int4 = 0x4A
    case long1 = 0x8A
    case long4 = 0x8B
    case float = 0x47
    case text1 = 0x8C
    case text4 = 0x58
    case text8 = 0x8D
    case bytesText1 = 0x55
    case bytesText4 = 0x54
    case bytes1 = 0x43
    case bytes4 = 0x42
    case bytes8 = 0x8E
    case byteArray8 = 0x96
    case emptyList = 0x5D
    case append = 0x61
    case appends = 0x65
    case emptyTuple = 0x29
    case tuple = 0x74
    case tuple1 = 0x85
    case tuple2 = 0x86
    case tuple3 = 0x87
    case emptyDictionary = 0x7D
    case setItem = 0x73
    case setItems = 0x75
    case emptySet = 0x8F
    case addItems = 0x90
    case frozenSet = 0x91
    case global = 0x63
    case stackGlobal = 0x93
    case reduce = 0x52
    case newObject = 0x81
    case newObjectNamed = 0x92
    case build = 0x62
    case persistentID = 0x51
    case put1 = 0x71
    case put4 = 0x72
    case memoize = 0x94
    case get1 = 0x68
    case get4 = 0x6A

    /// The names of the other opcodes, for errors.
    static let refused: [UInt8: String] = [
        0x69: "INST", 0x6F: "OBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x50: "PERSID", 0x49: "INT",
        0x4C: "LONG", 0x46: "FLOAT", 0x53: "STRING", 0x56: "UNICODE", 0x6C: "LIST", 0x64: "DICT", 0x70: "PUT",
        0x67: "GET", 0x31: "POP_MARK", 0x32: "DUP", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
    ]
}
