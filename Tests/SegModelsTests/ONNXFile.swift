import Foundation

/// A parsed protocol buffers message: its fields by number, in order. Written from the format's description, not from
/// the code that writes such messages.
struct ProtobufMessage {
    enum Field {
        case integer(UInt64)
        case fixed32(UInt32)
        case bytes(ArraySlice<UInt8>)
    }

    private(set) var fields: [Int: [Field]] = [:]

    init?(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        func varint() -> UInt64? {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard let byte = rest.popFirst() else { return nil }
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
            }
            return nil
        }
        while !rest.isEmpty {
            guard let key = varint() else { return nil }
            let field: Field
            switch key & 7 {
            case 0:
                guard let value = varint() else { return nil }
                field = .integer(value)
            case 2:
                guard let count = varint(), count <= rest.count else { return nil }
                field = .bytes(rest.prefix(Int(count)))
                rest = rest.dropFirst(Int(count))
            case 5:
                guard rest.count >= 4 else { return nil }
                field = .fixed32(rest.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
                rest = rest.dropFirst(4)
            default: return nil
            }
            fields[Int(key >> 3), default: []].append(field)
        }
    }

    func messages(_ number: Int) -> [ProtobufMessage] {
        fields[number, default: []].compactMap {
            if case .bytes(let bytes) = $0 { ProtobufMessage(bytes) } else { nil }
        }
    }

    func texts(_ number: Int) -> [String] {
        fields[number, default: []].compactMap {
            if case .bytes(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil }
        }
    }

    func integers(_ number: Int) -> [Int] {
        fields[number, default: []].compactMap {
            if case .integer(let value) = $0 { Int(Int64(bitPattern: value)) } else { nil }
        }
    }

    func float(_ number: Int) -> Float? {
        if case .fixed32(let bits)? = fields[number]?.first { Float(bitPattern: bits) } else { nil }
    }

    func floats(raw number: Int) -> [Float] {
        guard case .bytes(let bytes)? = fields[number]?.first else { return [] }
        return bytes.withUnsafeBytes { all in
            stride(from: 0, to: all.count, by: 4).map { offset in
                Float(bitPattern: UInt32(littleEndian: all.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            }
        }
    }

    /// 64-bit integers, as doubles.
    func wholeNumbers(raw number: Int) -> [Double] {
        guard case .bytes(let bytes)? = fields[number]?.first else { return [] }
        return bytes.withUnsafeBytes { all in
            stride(from: 0, to: all.count, by: 8).map { offset in
                Double(Int64(littleEndian: all.loadUnaligned(fromByteOffset: offset, as: Int64.self)))
            }
        }
    }
}
