internal import Foundation

extension PyTorchCheckpoint {
    /// Returns the bytes of a file that `torch.load(weights_only=True)` reads as an `OrderedDict` of tensors.
    /// - Precondition: `StoredTensor.byteCount` is not nil for any of the shapes.
    static func encoded(_ tensors: [String: StoredTensor]) throws(CheckpointFault) -> Data {
        let sorted = tensors.sorted { $0.key < $1.key }
        let entries = sorted.enumerated().map { (key: $1.key, value: CheckpointValue.tensor($0)) }
        return try encoded(.ordered(entries), sorted.map(\.value))
    }

    /// Returns the bytes of a file that `torch.load(weights_only=True)` reads as a value.
    /// - Precondition: `StoredTensor.byteCount` is defined for all shapes, and every tensor number in `value` is an index
    ///   of `tensors`.
    static func encoded(_ value: CheckpointValue, _ tensors: [StoredTensor]) throws(CheckpointFault) -> Data {
        var zip = ZipWriter()
        try zip.add("archive/data.pkl", PickleWriter.bytes(of: value, tensors))
        try zip.add("archive/byteorder", Array("little".utf8))
        for (index, tensor) in tensors.enumerated() { try zip.add("archive/data/\(index)", tensor.bytes) }
        try zip.add("archive/version", Array("3\n".utf8))
        return zip.finished()
    }
}
