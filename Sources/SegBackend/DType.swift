/// The element types of arrays in a backend's memory.
public enum DType: String, Sendable, CaseIterable {
    /// 32-bit float: the type of the fast backends' arithmetic.
    case f32
    /// 64-bit float: the type of the reference backend's arithmetic.
    case f64
    /// 32-bit integer: labels and indices.
    case i32
    /// 8-bit unsigned integer.
    case u8

    /// The number of bytes of an element.
    public var byteCount: Int {
        switch self {
        case .f64: 8
        case .f32, .i32: 4
        case .u8: 1
        }
    }

    /// Whether elements are floating-point numbers.
    public var isFloating: Bool { self == .f32 || self == .f64 }
}
