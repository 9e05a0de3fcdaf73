internal import Foundation
internal import SegCore

/// An array in a safetensors file.
public struct StoredTensor: Sendable {
    /// The element types that MedSeg reads. It saves networks as F32 and I64; a converted file keeps its types.
    public enum DType: String, Sendable {
        /// 64-bit float.
        case f64 = "F64"
        /// 32-bit float.
        case f32 = "F32"
        /// 16-bit float.
        case f16 = "F16"
        /// bfloat16, the upper half of a 32-bit float.
        case bf16 = "BF16"
        /// 64-bit integer.
        case i64 = "I64"
        /// 32-bit integer.
        case i32 = "I32"
        /// 16-bit integer.
        case i16 = "I16"
        /// 8-bit integer.
        case i8 = "I8"
        /// 8-bit unsigned integer.
        case u8 = "U8"
        /// A Boolean in one byte.
        case bool = "BOOL"

        var byteCount: Int {
            switch self {
            case .f64, .i64: 8
            case .f32, .i32: 4
            case .f16, .bf16, .i16: 2
            case .i8, .u8, .bool: 1
            }
        }
    }

    /// The element type.
    public let dtype: DType
    /// The size along each axis, outermost first.
    public let shape: [Int]
    /// The elements, little-endian.
    public let bytes: [UInt8]

    /// Returns the same elements with another shape.
    public func reshaped(_ shape: [Int]) -> StoredTensor {
        precondition(shape.reduce(1, *) == self.shape.reduce(1, *), "\(shape) and \(self.shape) differ in size")
        return StoredTensor(dtype: dtype, shape: shape, bytes: bytes)
    }

    /// Creates an array of 32-bit floats.
    public init(_ values: [Float], shape: [Int]) {
        self.init(dtype: .f32, shape: shape, bytes: values.withUnsafeBytes(Array.init))
    }

    /// Creates an array of 64-bit integers.
    public init(_ values: [Int64], shape: [Int]) {
        self.init(dtype: .i64, shape: shape, bytes: values.withUnsafeBytes(Array.init))
    }

    init(dtype: DType, shape: [Int], bytes: [UInt8]) {
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// The number of elements.
    public var count: Int { shape.reduce(1, *) }

    /// Returns the elements as 32-bit floats.
    public func floats() -> [Float] {
        switch dtype {
        case .f32: load(Float.self) { $0 }
        case .f64: load(Double.self) { Float($0) }
        case .f16: load(UInt16.self) { Self.float(half: $0) }
        case .bf16: load(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .i64: load(Int64.self) { Float($0) }
        case .i32: load(Int32.self) { Float($0) }
        case .i16: load(Int16.self) { Float($0) }
        case .i8: load(Int8.self) { Float($0) }
        case .u8, .bool: load(UInt8.self) { Float($0) }
        }
    }

    /// Returns the elements as integers; 0 for a value that is not an integer, such as NaN.
    public func integers() -> [Int64] {
        if dtype == .i64 { return load(Int64.self) { $0 } }
        return floats().map { Int64(exactly: $0) ?? 0 }
    }

    private func load<T: BitwiseCopyable, Result>(_ type: T.Type, _ convert: (T) -> Result) -> [Result] {
        bytes.withUnsafeBytes { raw in
            (0..<count).map { convert(raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)) }
        }
    }

    /// Converts IEEE 754 binary16 without `Float16`, which does not exist on every platform that Swift supports.
    private static func float(half: UInt16) -> Float {
        let sign: Float = half & 0x8000 == 0 ? 1 : -1
        let exponent = Int(half >> 10 & 0x1F)
        let fraction = Float(half & 0x3FF)
        switch exponent {
        case 0: return sign * fraction * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default: return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
        }
    }
}

/// A safetensors file: named arrays after a JSON header, nothing executable. huggingface/safetensors format.
public struct Safetensors: Sendable {
    /// The arrays by name.
    public var tensors: [String: StoredTensor]
    /// The free text entries.
    public var metadata: [String: String]

    /// Creates the contents of a file.
    public init(tensors: [String: StoredTensor], metadata: [String: String]) {
        self.tensors = tensors
        self.metadata = metadata
    }

    /// Reads a file; every offset and size is checked against the file before use.
    /// - Throws: `DataError` naming the file and its fault.
    public init(file path: String) throws { try self.init(RegularFile.contents(of: path), source: path) }

    /// Reads a file's bytes; `source` names it in errors.
    init(_ data: Data, source: String) throws {
        func problem(_ message: String) -> DataError { DataError(.badData, source, message) }
        guard data.count >= 8 else { throw problem("is not a safetensors file: it has only \(data.count) bytes") }
        let headerCount = data.prefix(8).enumerated().reduce(UInt64(0)) {
            $0 | UInt64($1.element) << (8 * UInt64($1.offset))
        }
        guard headerCount <= UInt64(data.count - 8), headerCount <= Limits.documentBytes else {
            throw problem("is not a safetensors file: its header would be \(headerCount) bytes of \(data.count)")
        }
        let body = 8 + Int(headerCount)
        guard case .object(let entries) = try ConfigValue(json: data[8..<body], from: source) else {
            throw problem("is not a safetensors file: its header is not a JSON object")
        }
        tensors = [:]
        metadata = [:]
        var total = 0
        for (name, entry) in entries {
            if name == "__metadata__" {
                guard case .object(let pairs) = entry else { throw problem("__metadata__ is not an object") }
                for case let (key, .string(text)) in pairs { metadata[key] = text }
            } else {
                let tensor = try Self.tensor(entry, name: name, data: data[body...], problem)
                total += tensor.bytes.count
                guard total <= data.count - body else {
                    throw problem(
                        "is not a safetensors file: its tensors overlap: together they are larger than the file")
                }
                tensors[name] = tensor
            }
        }
    }

    private static func tensor(
        _ entry: ConfigValue, name: String, data: Data, _ problem: (String) -> DataError
    ) throws -> StoredTensor {
        guard case .object(let fields) = entry, case .string(let typeName)? = fields["dtype"],
            case .array(let extents)? = fields["shape"], case .array(let offsets)? = fields["data_offsets"]
        else { throw problem("the entry of '\(name)' lacks dtype, shape or data_offsets") }
        guard let dtype = StoredTensor.DType(rawValue: typeName) else {
            throw problem("'\(name)' has elements of type \(typeName), which is not supported")
        }
        let shape = extents.compactMap(\.wholeNumber)
        let range = offsets.compactMap(\.wholeNumber)
        guard shape.count == extents.count, shape.allSatisfy({ $0 >= 0 }), range.count == 2, range[0] >= 0,
            range[1] >= range[0], range[1] <= data.count
        else { throw problem("'\(name)' is outside the file (truncated?) or has a bad shape: \(entry)") }
        guard let size = StoredTensor.byteCount(of: shape, dtype) else {
            throw problem(
                "'\(name)' has the absurd shape \(shape); a tensor has at most \(Limits.tensorAxes) axes, and its bytes "
                    + "must not overflow")
        }
        guard size == range[1] - range[0] else {
            throw problem(
                "'\(name)' of shape \(shape) needs \(size) bytes, but the file contains \(range[1] - range[0])")
        }
        let start = data.startIndex + range[0]
        return StoredTensor(dtype: dtype, shape: shape, bytes: Array(data[start..<start + size]))
    }

    /// Returns the file's bytes. The arrays are ordered by element size, largest first, then by name; the first is
    /// aligned to 8 bytes.
    /// - Throws: An error if the header cannot be encoded.
    public func encoded() throws -> [UInt8] {
        var header: [String: ConfigValue] = [:]
        if !metadata.isEmpty { header["__metadata__"] = .object(metadata.mapValues { .string($0) }) }
        var offset = 0
        let sorted = tensors.sorted { ($1.value.dtype.byteCount, $0.key) < ($0.value.dtype.byteCount, $1.key) }
        for (name, tensor) in sorted {
            header[name] = [
                "dtype": .string(tensor.dtype.rawValue), "shape": .array(tensor.shape.map { .int($0) }),
                "data_offsets": .array([.int(offset), .int(offset + tensor.bytes.count)]),
            ]
            offset += tensor.bytes.count
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var text = Array(try encoder.encode(ConfigValue.object(header)))
        text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
        var bytes = withUnsafeBytes(of: UInt64(text.count).littleEndian, Array.init)
        bytes.reserveCapacity(8 + text.count + offset)
        bytes += text
        for (_, tensor) in sorted { bytes += tensor.bytes }
        return bytes
    }

    /// Writes the file atomically: at every moment the path holds either the complete old file or the complete new one.
    /// - Throws: `DataError` naming the file.
    public func write(to path: String) throws { try DurableFile.write(encoded(), to: path) }
}
