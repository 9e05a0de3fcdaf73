/// The stored types that hold one real number a voxel; raw values are NIfTI's `datatype` codes.
public enum NIfTIDataType: Int, CaseIterable, Hashable, Sendable {
    /// 8-bit unsigned integer, the type of masks.
    case uint8 = 2
    /// 16-bit signed integer, the usual type of CT.
    case int16 = 4
    /// 32-bit signed integer.
    case int32 = 8
    /// 32-bit float.
    case float32 = 16
    /// 64-bit float.
    case float64 = 64
    /// 8-bit signed integer.
    case int8 = 256
    /// 16-bit unsigned integer.
    case uint16 = 512
    /// 32-bit unsigned integer.
    case uint32 = 768
    /// 64-bit signed integer.
    case int64 = 1024
    /// 64-bit unsigned integer.
    case uint64 = 1280

    /// Bytes of one voxel.
    public var byteCount: Int {
        switch self {
        case .uint8, .int8: 1
        case .int16, .uint16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64: 8
        }
    }

    /// NumPy's name of the type: `uint8`, `float32`.
    public var name: String { "\(self)" }

    /// What a `datatype` code means that is in the standard and yet no single real number a voxel.
    static func unsupportedName(of code: Int) -> String? {
        switch code {
        case 1: "binary (1 bit)"
        case 32: "complex64"
        case 128: "RGB24 colour"
        case 1536: "float128"
        case 1792: "complex128"
        case 2048: "complex256"
        case 2304: "RGBA32 colour"
        default: nil
        }
    }
}
