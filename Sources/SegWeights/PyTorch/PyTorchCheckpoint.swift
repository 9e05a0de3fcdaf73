internal import Foundation
internal import SegCore

/// The weights of a `.pt` or `.pth` file of `torch.save` (PyTorch 1.6 and later): a zip archive with a pickle.
///
/// Nothing in the file is run, and no memory is allocated before its size has been checked against the file.
struct PyTorchCheckpoint {
    /// The arrays by name.
    private(set) var tensors: [String: StoredTensor] = [:]
    /// Notes about the file for the user, one sentence each.
    private(set) var notes: [String] = []

    /// The maximum size of all tensors as a multiple of the file's size. Tied weights are views of the same storage.
    private static let mostRepeats = 8
    /// The keys under which training loops store a network's `state_dict`.
    private static let wrappers = ["state_dict", "model_state_dict", "model", "network", "net"]

    private let archive: ZipArchive
    private let root: String

    /// Reads a file's bytes.
    init(_ data: Data, _ choice: Weights.Choice) throws(CheckpointFault) {
        archive = try ZipArchive(data)
        let (root, reader) = try Self.pickle(of: archive)
        self.root = root
        let (state, place) = try stateDictionary(in: reader, choice)
        try Self.checkHasTensors(state, place, reader)
        try load(state, reader, fileSize: data.count)
    }

    /// Returns everything in a checkpoint as a configuration.
    static func contents(
        of data: Data, array: (ConfigValue) -> ConfigValue
    ) throws(CheckpointFault) -> ConfigValue {
        let reader = try pickle(of: ZipArchive(data)).reader
        return try reader.configuration(reader.result, array: array)
    }

    /// Returns the values under some names beside the weights; missing names are left out.
    static func configurations(
        _ names: [String], in data: Data
    ) throws(CheckpointFault) -> [String: ConfigValue] {
        let reader = try pickle(of: ZipArchive(data)).reader
        guard case .dictionary(let index) = reader.result else { return [:] }
        let entries = reader.entries(index)
        var found: [String: ConfigValue] = [:]
        for name in names {
            if let value = entries[name] { found[name] = try reader.configuration(value) }
        }
        return found
    }

    /// Returns the pickle of an archive, and the folder that contains it.
    private static func pickle(
        of archive: ZipArchive
    ) throws(CheckpointFault) -> (root: String, reader: PickleReader) {
        let names = archive.names.filter { $0.hasSuffix("/data.pkl") && $0.count { $0 == "/" } == 1 }
        guard let name = names.first, names.count == 1 else {
            throw CheckpointFault("is a zip archive but not a PyTorch checkpoint: it has no data.pkl")
        }
        let root = String(name.dropLast("data.pkl".count))
        guard !archive.names.contains(root + "constants.pkl") else {
            throw CheckpointFault("is a TorchScript program; save its weights: torch.save(model.state_dict(), FILE)")
        }
        if let order = try archive.bytes(of: root + "byteorder"), String(decoding: order, as: UTF8.self) != "little" {
            throw CheckpointFault("was saved on a big-endian machine; save it again on a little-endian one")
        }
        guard let pickle = try archive.bytes(of: name), pickle.count <= Limits.pickleBytes else {
            throw CheckpointFault(
                "its data.pkl is larger than \(ByteCount(bytes: Limits.pickleBytes)); save only the weights")
        }
        return (root, try PickleReader(pickle))
    }

    /// Returns the chosen dictionary of tensors and, for errors, a text with the position at which it was searched for.
    private mutating func stateDictionary(
        in reader: PickleReader, _ choice: Weights.Choice
    ) throws(CheckpointFault) -> (entries: [String: PickleValue], place: String) {
        guard case .dictionary(let index) = reader.result else {
            if case .object(let name) = reader.result {
                throw CheckpointFault(
                    "contains a whole object of the class '\(name.prefix(100))', as torch.save(model) writes it; classes in a "
                        + "file are not run. Save the weights of the model: torch.save(model.state_dict(), FILE)")
            }
            throw CheckpointFault("contains no dictionary of weights; save model.state_dict()")
        }
        let whole = reader.entries(index)
        switch choice {
        case .usual:
            let places = Self.wrappers.map { "'\($0)'" }.joined(separator: ", ")
            return (try usualDictionary(whole, reader), "under \(places) or at the top level")
        case .named(let name):
            guard case .dictionary(let index)? = whole[name] else {
                let there = Self.dictionariesOfTensors(in: whole, reader)
                throw CheckpointFault(
                    "contains no weights under '\(name)'; it has "
                        + (there.isEmpty ? "none" : there.map { "'\($0)'" }.joined(separator: ", ")))
            }
            return (reader.entries(index), "under '\(name)'")
        case .loaded(let name):
            guard case .dictionary(let index)? = whole[name] else {
                return (whole, "at the top level, and no dictionary '\(name)'")
            }
            return (reader.entries(index), "under '\(name)'")
        }
    }

    /// Returns the innermost dictionary of tensors, found by the names that training loops use.
    private mutating func usualDictionary(
        _ whole: [String: PickleValue], _ reader: PickleReader
    ) throws(CheckpointFault) -> [String: PickleValue] {
        var entries = whole
        for _ in 0..<4 {
            let inner = Self.wrappers.first { if case .dictionary? = entries[$0] { true } else { false } }
            guard let name = inner, case .dictionary(let index)? = entries[name] else { break }
            noteNeighbours(of: name, in: entries, reader)
            entries = reader.entries(index)
        }
        return entries
    }

    /// Adds notes about weights and objects beside those that are used.
    private mutating func noteNeighbours(
        of name: String, in entries: [String: PickleValue], _ reader: PickleReader
    ) {
        let others = Self.dictionariesOfTensors(in: entries, reader).filter { $0 != name }
        if !others.isEmpty {
            let list = others.map { "'\($0)'" }.joined(separator: ", ")
            notes.append("the weights under '\(name)' are used; there are others under \(list)")
        }
        let objects = entries.compactMap { key, value -> String? in
            value.className.map { "\(key) (\($0))" }
        }.sorted()
        if !objects.isEmpty {
            notes.append(
                "objects beside the weights are left out, and none of their code was run: "
                    + objects.joined(separator: ", "))
        }
    }

    /// Returns the names of the entries that contain tensors, sorted.
    private static func dictionariesOfTensors(
        in entries: [String: PickleValue], _ reader: PickleReader
    ) -> [String] {
        entries.filter { _, value in
            guard case .dictionary(let index) = value else { return false }
            return reader.entries(index).values.contains { if case .tensor = $0 { true } else { false } }
        }.keys.sorted()
    }

    /// Refuses a dictionary without tensors; the error lists the entries it has.
    private static func checkHasTensors(
        _ entries: [String: PickleValue], _ place: String, _ reader: PickleReader
    ) throws(CheckpointFault) {
        guard !entries.values.contains(where: { if case .tensor = $0 { true } else { false } }) else { return }
        let found = entries.sorted { $0.key < $1.key }.prefix(8).map { name, value in
            value.className.map { "'\(name)' (\($0))" } ?? "'\(name)'"
        }.joined(separator: ", ")
        let state = dictionariesOfTensors(in: entries, reader).first.map {
            ". Take the weights under '\($0)' out: medseg convert FILE OUT.safetensors --network FILE.json --state \($0)"
        }
        throw CheckpointFault("contains no weights \(place); it has \(found.isEmpty ? "nothing" : found)\(state ?? "")")
    }

    private mutating func load(
        _ state: [String: PickleValue], _ reader: PickleReader, fileSize: Int
    ) throws(CheckpointFault) {
        var views: [(name: String, tensor: TorchTensor)] = []
        var others: [String] = []
        var total = 0
        for (name, value) in state.sorted(by: { $0.key < $1.key }) {
            guard case .tensor(let index) = value else {
                others.append(value.className.map { "\(name) (\($0))" } ?? name)
                continue
            }
            let tensor = reader.tensor(index)
            views.append((name, tensor))
            let (sum, overflow) = total.addingReportingOverflow(try tensor.checkedByteCount(name))
            guard !overflow, sum / Self.mostRepeats <= fileSize else {
                throw CheckpointFault("its tensors would take more than \(Self.mostRepeats) times the file's bytes")
            }
            total = sum
        }
        if !others.isEmpty {
            notes.append("entries that are not arrays are left out: \(others.joined(separator: ", "))")
        }
        var storages: [String: Data] = [:]
        for (name, tensor) in views {
            let storage = tensor.storage
            let entry = "data/" + storage.key
            if storages[storage.key] == nil { storages[storage.key] = try archive.bytes(of: root + entry) }
            guard let bytes = storages[storage.key] else {
                throw CheckpointFault("'\(name)' is stored in \(entry), which is missing from the archive")
            }
            guard bytes.count / storage.dtype.byteCount >= storage.count else {
                throw CheckpointFault(
                    "'\(name)' needs \(storage.count) elements of \(storage.dtype.rawValue) in \(entry), "
                        + "which has only \(bytes.count) bytes")
            }
            tensors[name] = tensor.stored(from: bytes)
        }
    }
}

extension TorchTensor {
    /// Returns the tensor's size in bytes, after checking that the tensor is within its storage.
    func checkedByteCount(_ name: String) throws(CheckpointFault) -> Int {
        guard offset >= 0, shape.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 }) else {
            throw CheckpointFault("'\(name)' has the absurd shape \(shape), strides \(strides) or offset \(offset)")
        }
        guard let bytes = StoredTensor.byteCount(of: shape, storage.dtype), let last = lastElement else {
            throw CheckpointFault("'\(name)' has the absurd shape \(shape) with strides \(strides)")
        }
        if bytes == 0 { return 0 }
        guard last < storage.count, bytes / storage.dtype.byteCount <= storage.count else {
            throw CheckpointFault(
                "'\(name)' of shape \(shape), strides \(strides), offset \(offset) does not fit its storage of "
                    + "\(storage.count) elements")
        }
        return bytes
    }

    /// The index of the last element in the storage; nil if it overflows.
    private var lastElement: Int? {
        var last = offset
        for (extent, stride) in zip(shape, strides) where extent > 0 {
            let (reach, overflow) = (extent - 1).multipliedReportingOverflow(by: stride)
            let (sum, sumOverflow) = last.addingReportingOverflow(reach)
            guard !overflow, !sumOverflow else { return nil }
            last = sum
        }
        return last
    }

    /// Returns the elements in row-major order; the tensor must have been checked against its storage.
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
