/// Encodes a protocol buffers message field by field.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    /// Writes a variable-length integer.
    mutating func integer(_ field: Int, _ value: Int) {
        key(field, wire: 0)
        varint(UInt64(bitPattern: Int64(value)))
    }

    /// Writes a 32-bit float.
    mutating func float(_ field: Int, _ value: Float) {
        key(field, wire: 5)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Writes text.
    mutating func text(_ field: Int, _ value: String) { data(field, Array(value.utf8)) }

    /// Writes bytes.
    mutating func data(_ field: Int, _ value: [UInt8]) {
        key(field, wire: 2)
        varint(UInt64(value.count))
        bytes += value
    }

    /// Writes a message within the message.
    mutating func message(_ field: Int, _ write: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        write(&inner)
        data(field, inner.bytes)
    }

    private mutating func key(_ field: Int, wire: Int) { varint(UInt64(field << 3 | wire)) }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
