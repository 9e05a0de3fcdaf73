internal import SegModels
internal import SegWeights

/// Files of weights: read, written in both formats, and read again.
enum WeightsInput {
    /// A safetensors file; every second one gets the correct header length, so that changes reach the header.
    static func safetensors(_ input: [UInt8], _ folder: FuzzFolder) throws {
        var bytes = input
        if let first = bytes.first, first & 1 == 1, let length = headerLength(of: bytes.dropFirst(8)) {
            bytes.replaceSubrange(0..<8, with: StoredZip.littleEndian(UInt64(length)))
        }
        try use(folder.write(bytes, as: "weights.safetensors"), folder)
    }

    /// The bytes of a PyTorch checkpoint, which is a zip.
    static func checkpoint(_ input: [UInt8], _ folder: FuzzFolder) throws {
        try use(folder.write(input, as: "weights.pt"), folder)
    }

    /// The pickle of a checkpoint whose zip and arrays are valid.
    static func pickle(_ input: [UInt8], _ folder: FuzzFolder) throws {
        let archive = StoredZip.archive([
            ("a/data.pkl", input), ("a/data/0", [UInt8](repeating: 1, count: 256)),
            ("a/data/1", [UInt8](repeating: 2, count: 64)),
        ])
        try use(folder.write(archive, as: "weights.pt"), folder)
    }

    /// The bytes up to the brace that closes the first one; nil if none does.
    private static func headerLength(of bytes: ArraySlice<UInt8>) -> Int? {
        var depth = 0
        var isText = false
        var isEscaped = false
        for (index, byte) in zip(bytes.indices, bytes) {
            switch byte {
            case _ where isEscaped: isEscaped = false
            case UInt8(ascii: "\\"): isEscaped = isText
            case UInt8(ascii: "\""): isText.toggle()
            case UInt8(ascii: "{") where !isText: depth += 1
            case UInt8(ascii: "}") where !isText:
                depth -= 1
                if depth <= 0 { return index - bytes.startIndex + 1 }
            default: break
            }
        }
        return nil
    }

    private static func use(_ path: String, _ folder: FuzzFolder) throws {
        guard let weights = try unlessRefused({ try Weights.read(path) }) else { return }
        for tensor in weights.tensors.values {
            try insist(tensor.floats().count == tensor.count, "\(tensor.shape) has other floats than it says")
            _ = tensor.integers()
        }
        for name in ["again.pt", "again.safetensors"] {
            let file = folder.file(name)
            guard try isDone({ try Weights.write(weights.tensors, to: file) }) else { continue }
            let again = try takingBack(name) { try Weights.read(file).tensors }
            try insist(
                again.mapValues(\.shape) == weights.tensors.mapValues(\.shape),
                "\(name) has \(again.count) arrays or other shapes; \(weights.tensors.count) were written")
        }
    }
}
