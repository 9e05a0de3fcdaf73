internal import SegBackend

// Arithmetic operators; the comment of each names its function in Elementwise.swift.
extension Tensor {
    /// `add(a, b)`.
    public static func + (a: Tensor, b: Tensor) throws -> Tensor { try add(a, b) }

    /// `subtract(a, b)`.
    public static func - (a: Tensor, b: Tensor) throws -> Tensor { try subtract(a, b) }

    /// `multiply(a, b)`.
    public static func * (a: Tensor, b: Tensor) throws -> Tensor { try multiply(a, b) }

    /// `divide(a, b)`.
    public static func / (a: Tensor, b: Tensor) throws -> Tensor { try divide(a, b) }

    /// −x.
    public static prefix func - (x: Tensor) throws -> Tensor { try scale(x, by: -1) }

    /// x plus a number.
    public static func + (x: Tensor, number: Float) throws -> Tensor { try add(x, x.number(number)) }

    /// A number plus x.
    public static func + (number: Float, x: Tensor) throws -> Tensor { try add(x, x.number(number)) }

    /// x minus a number.
    public static func - (x: Tensor, number: Float) throws -> Tensor { try subtract(x, x.number(number)) }

    /// A number minus x.
    public static func - (number: Float, x: Tensor) throws -> Tensor { try subtract(x.number(number), x) }

    /// `scale(x, by:)`.
    public static func * (x: Tensor, number: Float) throws -> Tensor { try scale(x, by: number) }

    /// `scale(x, by:)`.
    public static func * (number: Float, x: Tensor) throws -> Tensor { try scale(x, by: number) }

    /// x over a number.
    public static func / (x: Tensor, number: Float) throws -> Tensor { try divide(x, x.number(number)) }

    /// A number over x.
    public static func / (number: Float, x: Tensor) throws -> Tensor { try divide(x.number(number), x) }

    /// Returns a tensor with one number, to be broadcast along this tensor.
    fileprivate func number(_ value: Float) throws -> Tensor {
        try Tensor(repeating: Double(value), shape: [1], on: backend)
    }
}

/// x to the power of a number, `torch.pow`. The gradient is 0 if the exponent is 0.
/// - Throws: `TensorError` if x holds integers; `BackendError` from the backend.
public func pow(_ x: Tensor, _ exponent: Float) throws -> Tensor {
    exponent == 2 ? try multiply(x, x) : try pow(x, x.number(exponent))
}
