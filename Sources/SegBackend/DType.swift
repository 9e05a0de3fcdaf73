/// The types an element in a backend's memory can have.
public enum DType: String, Sendable, CaseIterable {
    /// 32-bit float: what the fast backends compute in.
    case f32
    /// 64-bit float: what the reference computes in.
    case f64
    /// 32-bit integer: labels and indices.
    case i32
    /// 8-bit unsigned integer.
    case u8

    /// Bytes an element takes.
    public var byteCount: Int {
        switch self {
        case .f64: 8
        case .f32, .i32: 4
        case .u8: 1
        }
    }

    /// Whether elements are floating point.
    public var isFloating: Bool { self == .f32 || self == .f64 }
}
