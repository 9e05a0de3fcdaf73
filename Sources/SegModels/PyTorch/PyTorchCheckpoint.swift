internal import Foundation

/// The weights of a `.pt` or `.pth` file of `torch.save` (PyTorch 1.6 and later): a zip archive with a pickle.
///
/// Nothing in the file is run, and nothing is allocated before its size is known to fit the file.
struct PyTorchCheckpoint {
    /// Arrays by name.
    private(set) var tensors: [String: StoredTensor] = [:]
    /// Entries of the `state_dict` that are no arrays.
    private(set) var ignored: [String] = []

    /// A pickle of names and shapes is far smaller; only hostile files come near.
    private static let mostPickleBytes = 256 << 20
    /// Views of one storage may repeat it this often in all, as tied weights do.
    private static let mostRepeats = 8
    /// Where training loops put a network's `state_dict`.
    private static let wrappers = ["state_dict", "model_state_dict", "model", "network", "net"]

    private let archive: ZipArchive
    private let root: String

    /// Reads a file's bytes.
    init(_ data: Data) throws(CheckpointFault) {
        archive = try ZipArchive(data)
        let names = archive.names.filter { $0.hasSuffix("/data.pkl") && $0.count { $0 == "/" } == 1 }
        guard let name = names.first, names.count == 1 else {
            throw CheckpointFault("is a zip archive but no PyTorch checkpoint: it has no data.pkl")
        }
        root = String(name.dropLast("data.pkl".count))
        guard !archive.names.contains(root + "constants.pkl") else {
            throw CheckpointFault("is a TorchScript program; save its weights: torch.save(model.state_dict(), FILE)")
        }
        if let order = try archive.bytes(of: root + "byteorder"), String(decoding: order, as: UTF8.self) != "little" {
            throw CheckpointFault("was saved on a big-endian machine; save it again on a little-endian one")
        }
        guard let pickle = try archive.bytes(of: name), pickle.count <= Self.mostPickleBytes else {
            throw CheckpointFault("its data.pkl is larger than \(Self.mostPickleBytes >> 20) MiB")
        }
        let reader = try PickleReader(pickle)
        let state = try Self.stateDictionary(in: reader)
        try load(state, fileSize: data.count)
    }

    /// The innermost dictionary of tensors.
    private static func stateDictionary(in reader: PickleReader) throws(CheckpointFault) -> [String: PickleValue] {
        guard case .dictionary(let index) = reader.result else {
            throw CheckpointFault("holds no dictionary of weights; save model.state_dict()")
        }
        var entries = reader.entries(index)
        for _ in 0..<4 {
            let inner = wrappers.lazy.compactMap { entries[$0] }.first {
                if case .dictionary = $0 { true } else { false }
            }
            guard case .dictionary(let index)? = inner else { break }
            entries = reader.entries(index)
        }
        let hasTensor = entries.values.contains { if case .tensor = $0 { true } else { false } }
        guard hasTensor else {
            let found = entries.keys.sorted().prefix(8).map { "'\($0)'" }.joined(separator: ", ")
            throw CheckpointFault(
                "holds no weights under \(wrappers.map { "'\($0)'" }.joined(separator: ", ")) or at the top; "
                    + "it has \(found.isEmpty ? "nothing" : found)")
        }
        return entries
    }

    private mutating func load(_ state: [String: PickleValue], fileSize: Int) throws(CheckpointFault) {
        var views: [(name: String, tensor: TorchTensor)] = []
        var total = 0
        for (name, value) in state.sorted(by: { $0.key < $1.key }) {
            guard case .tensor(let tensor) = value else {
                ignored.append(name)
                continue
            }
            views.append((name, tensor))
            let (sum, overflow) = total.addingReportingOverflow(try tensor.checkedByteCount(name))
            guard !overflow, sum / Self.mostRepeats <= fileSize else {
                throw CheckpointFault("its tensors would take more than \(Self.mostRepeats) times the file's bytes")
            }
            total = sum
        }
        var storages: [String: Data] = [:]
        for (name, tensor) in views {
            let storage = tensor.storage
            let entry = "data/" + storage.key
            if storages[storage.key] == nil { storages[storage.key] = try archive.bytes(of: root + entry) }
            guard let bytes = storages[storage.key] else {
                throw CheckpointFault("'\(name)' lies in \(entry), which is not in the archive")
            }
            guard bytes.count / storage.dtype.byteCount >= storage.count else {
                throw CheckpointFault(
                    "'\(name)' should lie in \(storage.count) elements of \(storage.dtype.rawValue) in \(entry), "
                        + "which has only \(bytes.count) bytes")
            }
            tensors[name] = tensor.stored(from: bytes)
        }
    }
}

extension TorchTensor {
    /// More axes than any weight has.
    static let mostAxes = 16

    /// Bytes that the tensor takes, after checking that it lies in its storage.
    func checkedByteCount(_ name: String) throws(CheckpointFault) -> Int {
        guard offset >= 0, shape.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 }) else {
            throw CheckpointFault("'\(name)' has the absurd shape \(shape), strides \(strides) or offset \(offset)")
        }
        let isEmpty = shape.contains(0)
        var elements = 1
        var last = offset
        // Of an empty tensor too: products of its other extents are taken later.
        for (extent, stride) in zip(shape, strides) where extent > 0 {
            let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
            let (reach, farOverflow) = (extent - 1).multipliedReportingOverflow(by: stride)
            let (sum, sumOverflow) = last.addingReportingOverflow(reach)
            guard !overflow, !farOverflow, !sumOverflow else {
                throw CheckpointFault("'\(name)' has the absurd shape \(shape) with strides \(strides)")
            }
            (elements, last) = (product, sum)
        }
        if isEmpty { return 0 }
        guard last < storage.count, elements <= storage.count else {
            throw CheckpointFault(
                "'\(name)' of shape \(shape), strides \(strides), offset \(offset) does not fit its storage of "
                    + "\(storage.count) elements")
        }
        let (bytes, overflow) = elements.multipliedReportingOverflow(by: storage.dtype.byteCount)
        guard !overflow else { throw CheckpointFault("'\(name)' has the absurd shape \(shape)") }
        return bytes
    }

    /// The elements in row-major order; the tensor must have been checked against its storage.
    func stored(from bytes: Data) -> StoredTensor {
        let size = storage.dtype.byteCount
        let count = shape.reduce(1, *)
        if count == 0 || isContiguous {
            let start = bytes.startIndex + (count == 0 ? 0 : offset * size)
            return StoredTensor(dtype: storage.dtype, shape: shape, bytes: Array(bytes[start..<start + count * size]))
        }
        var gathered: [UInt8] = []
        gathered.reserveCapacity(count * size)
        var index = [Int](repeating: 0, count: shape.count)
        bytes.withUnsafeBytes { source in
            for _ in 0..<count {
                let element = zip(index, strides).reduce(offset) { $0 + $1.0 * $1.1 }
                gathered += source[element * size..<(element + 1) * size]
                for axis in shape.indices.reversed() {
                    index[axis] += 1
                    if index[axis] < shape[axis] { break }
                    index[axis] = 0
                }
            }
        }
        return StoredTensor(dtype: storage.dtype, shape: shape, bytes: gathered)
    }

    private var isContiguous: Bool {
        var expected = 1
        for (extent, stride) in zip(shape, strides).reversed() where extent != 1 {
            guard stride == expected else { return false }
            expected *= extent
        }
        return true
    }
}
