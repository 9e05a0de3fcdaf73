internal import Foundation

extension PyTorchCheckpoint {
    /// The bytes of a file that `torch.load(weights_only=True)` reads as an `OrderedDict` of tensors.
    /// - Precondition: `StoredTensor.byteCount` counts every shape.
    static func encoded(_ tensors: [String: StoredTensor]) throws(CheckpointFault) -> Data {
        let sorted = tensors.sorted { $0.key < $1.key }
        var zip = ZipWriter()
        try zip.add("archive/data.pkl", pickle(sorted))
        try zip.add("archive/byteorder", Array("little".utf8))
        for (index, entry) in sorted.enumerated() { try zip.add("archive/data/\(index)", entry.value.bytes) }
        try zip.add("archive/version", Array("3\n".utf8))
        return zip.finished()
    }

    /// `OrderedDict` of `_rebuild_tensor_v2` calls, protocol 2.
    private static func pickle(_ tensors: [(key: String, value: StoredTensor)]) -> [UInt8] {
        var out: [UInt8] = [PickleOpcode.proto.rawValue, 2]
        func text(_ value: String) -> [UInt8] {
            [PickleOpcode.text4.rawValue] + Swift.withUnsafeBytes(of: UInt32(value.utf8.count).littleEndian, Array.init)
                + Array(value.utf8)
        }
        func global(_ module: String, _ name: String) -> [UInt8] {
            [PickleOpcode.global.rawValue] + Array("\(module)\n\(name)\n".utf8)
        }
        func int(_ value: Int) -> [UInt8] {
            [PickleOpcode.long1.rawValue, 8] + Swift.withUnsafeBytes(of: Int64(value).littleEndian, Array.init)
        }
        func ops(_ opcodes: PickleOpcode...) -> [UInt8] { opcodes.map(\.rawValue) }
        func tuple(_ values: [Int]) -> [UInt8] { ops(.mark) + values.flatMap(int) + ops(.tuple) }
        out += global("collections", "OrderedDict") + ops(.emptyTuple, .reduce, .mark)
        for (index, (name, tensor)) in tensors.enumerated() {
            out += text(name) + global("torch._utils", "_rebuild_tensor_v2") + ops(.mark)
            out += ops(.mark) + text("storage") + global("torch", tensor.dtype.storageName) + text(String(index))
            out += text("cpu") + int(tensor.count) + ops(.tuple, .persistentID)
            out += int(0) + tuple(tensor.shape) + tuple(strides(of: tensor.shape)) + ops(.false)
            out += global("collections", "OrderedDict") + ops(.emptyTuple, .reduce, .tuple, .reduce)
        }
        return out + ops(.setItems, .stop)
    }

    /// Row-major strides in elements; PyTorch counts an extent of 0 as 1 here.
    private static func strides(of shape: [Int]) -> [Int] {
        shape.indices.map { shape[($0 + 1)...].reduce(1) { $0 * max($1, 1) } }
    }
}

extension StoredTensor.DType {
    /// PyTorch's class of a block of such elements.
    fileprivate var storageName: String {
        switch self {
        case .f64: "DoubleStorage"
        case .f32: "FloatStorage"
        case .f16: "HalfStorage"
        case .bf16: "BFloat16Storage"
        case .i64: "LongStorage"
        case .i32: "IntStorage"
        case .i16: "ShortStorage"
        case .i8: "CharStorage"
        case .u8: "ByteStorage"
        case .bool: "BoolStorage"
        }
    }
}
