/// The byte order of stored numbers.
public enum ByteOrder: String, Hashable, Sendable, Encodable {
    /// Least significant byte first.
    case little
    /// Most significant byte first.
    case big

    /// The byte order of this machine.
    static let host: ByteOrder = 1 == Int32(1).littleEndian ? .little : .big
}
