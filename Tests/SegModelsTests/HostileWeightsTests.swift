import Foundation
import SegCore
import SegModels
import SegReference
import SegTestNeeds
import SegWeights
import Testing

private func read(_ bytes: [UInt8], _ choice: Weights.Choice = .usual) throws -> Weights {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).weights").path
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try Weights.read(path, choice)
}

private func safetensors(shape: String, bytes: Int) -> [UInt8] {
    let header = #"{"x":{"dtype":"F32","shape":"# + shape + #","data_offsets":[0,"# + "\(bytes)]}}"
    return withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init) + Array(header.utf8)
        + [UInt8](repeating: 0, count: bytes)
}

private func checkpoint(_ pickle: [UInt8]) -> [UInt8] {
    HandMadeZip(entries: [("w/data.pkl", Pickle.whole(pickle)), ("w/data/0", floatBytes([0, 1, 2, 3, 4, 5]))]).bytes
}

private func message(_ body: () throws -> Weights) -> String {
    (#expect(throws: DataError.self) { try body() })?.description ?? ""
}

/// A product of sizes beside a 0 once overflowed in the computation of strides, which ended the program.
@Test(arguments: [
    "[0,1099511627776,1099511627776]", "[1099511627776,1099511627776,0]", "[1099511627776,0,1099511627776]",
    "[0,4611686018427387904]",
])
func shapesThatCannotBeCountedAreRefused(_ shape: String) {
    #expect(message { try read(safetensors(shape: shape, bytes: 0)) }.contains("'x' has the absurd shape"))
}

/// No reader accepts a checkpoint without weights, therefore none is written.
@Test func noWeightsAreNotWritten() throws {
    let header = Array(#"{"__metadata__":{"format":"pt"}}"#.utf8)
    let empty = withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init) + header
    let weights = try read(empty).tensors
    for end in ["pt", "safetensors"] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).\(end)").path
        #expect(throws: DataError.self) { try Weights.write(weights, to: path) }
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}

@Test func whatIsReadCanBeWrittenAndReadAgain() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
    for (shape, bytes) in [("[0,5]", 0), ("[5,0,1048576]", 0), ("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", 8), ("[]", 4)] {
        let weights = try read(safetensors(shape: shape, bytes: bytes)).tensors
        for end in ["pt", "safetensors"] {
            defer { try? FileManager.default.removeItem(atPath: "\(path).\(end)") }
            try Weights.write(weights, to: "\(path).\(end)")
            #expect(try Weights.read("\(path).\(end)").tensors["x"]?.shape == weights["x"]?.shape)
        }
    }
}

/// A pipe once blocked the program forever.
@Test func pipesAreNoWeights() {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).pt").path
    defer { unlink(path) }
    #expect(mkfifo(path, 0o600) == 0)
    for read in [{ _ = try Weights.read(path) }, { _ = try ConfigValue(jsonFile: path) }]
        as [@Sendable () throws -> Void]
    {
        let error = #expect(throws: DataError.self) { try ending(read) }
        #expect(error?.kind == .noInput && error?.message.contains("not a regular file") == true)
    }
}

/// One limit applies to both formats and both directions.
@Test func tensorsOfTooManyAxesAreRefused() throws {
    let ones = [Int](repeating: 1, count: 17)
    #expect(message { try read(safetensors(shape: "\(ones)", bytes: 4)) }.contains("at most 16 axes"))
    let row = Pickle.tensor(shape: ones.map(Int64.init), strides: ones.map(Int64.init), storageCount: 6)
    #expect(message { try read(checkpoint(Pickle.dictionary([("x", row)]))) }.contains("has an invalid tensor"))
    for end in ["pt", "safetensors"] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).\(end)").path
        let error = #expect(throws: DataError.self) {
            try Weights.write(["x": StoredTensor([1] as [Float], shape: ones)], to: path)
        }
        #expect(error?.kind == .cannotWrite && !FileManager.default.fileExists(atPath: path))
    }
}

/// 30 MB of empty tuples once took 2 GiB. `FuzzCorpusTests` limits the memory of the refusal.
@Test(arguments: [[UInt8(ascii: ")")], [UInt8(ascii: "(")]])
func picklesOfTooManyValuesAreRefused(_ piece: [UInt8]) {
    let pickle = Array(repeatElement(piece, count: Limits.pickleNodes + 1).joined())
    #expect(message { try read(checkpoint(pickle)) }.contains("more than \(Limits.pickleNodes) values"))
}

private let row = Pickle.tensor(shape: [2, 3], strides: [3, 1], storageCount: 6)

/// Objects as saved by numpy, argparse, pathlib and enumerations of Python.
private let objects: [(String, [UInt8])] = [
    (
        "numpy.ndarray",
        Pickle.global("numpy._core.multiarray", "_reconstruct")
            + Pickle.tuple(Pickle.global("numpy", "ndarray"), Pickle.tuple(Pickle.int(0)), [0x43, 1, 0x62]) + [0x52]
            + Pickle.tuple(Pickle.int(1), Pickle.tuple(Pickle.int(3)), [0x89], [0x43, 2, 1, 2]) + [0x62]
    ),
    (
        "argparse.Namespace",
        Pickle.global("argparse", "Namespace") + [0x29, 0x81] + Pickle.dictionary([("lr", [0x4E])]) + [0x62]
    ),
    ("pathlib.PosixPath", Pickle.global("pathlib", "PosixPath") + Pickle.tuple(Pickle.text("/tmp")) + [0x52]),
    ("__main__.Config", Pickle.global("__main__", "Config") + [0x29] + Pickle.dictionary([]) + [0x92]),
]

@Test(arguments: objects.indices)
func objectsBesideTheWeightsAreLeftOutWithAWord(_ index: Int) throws {
    let (name, object) = objects[index]
    let pickle = Pickle.dictionary([("history", object), ("state_dict", Pickle.dictionary([("a", row)]))])
    let weights = try read(checkpoint(pickle))
    #expect(weights.tensors["a"]?.floats() == [0, 1, 2, 3, 4, 5] && weights.tensors.count == 1)
    #expect(weights.notes.contains { $0.contains("history (\(name))") && $0.contains("none of their code was run") })
    let among = try read(checkpoint(Pickle.dictionary([("a", row), ("b", object)])))
    #expect(among.notes == ["entries that are not arrays are left out: b (\(name))"] && among.tensors.count == 1)
    let alone = message { try read(checkpoint(Pickle.dictionary([("b", object)]))) }
    #expect(alone.contains("contains no weights") && alone.contains(name))
}

/// MONAI's MetaTensor: a tensor of a subclass with its metadata.
@Test func tensorsOfSubclassesAreRead() throws {
    let inner = Pickle.tensor(shape: [2, 3], strides: [3, 1], storageCount: 6)
    // The arguments are the opcodes between the inner function and its call.
    let name = Pickle.global("torch._utils", "_rebuild_tensor_v2")
    let arguments = Array(inner.dropFirst(name.count).dropLast())
    let meta =
        Pickle.global("torch._tensor", "_rebuild_from_type_v2")
        + Pickle.tuple(name, Pickle.global("monai.data.meta_tensor", "MetaTensor"), arguments, Pickle.dictionary([]))
        + [0x52]
    let weights = try read(checkpoint(Pickle.dictionary([("a", meta)])))
    #expect(weights.tensors["a"]?.floats() == [0, 1, 2, 3, 4, 5])
}

/// `state_dict` was once used without mentioning `state_dict_ema`.
@Test func otherWeightsInTheFileAreSaidAndCanBeChosen() throws {
    let reversed = Pickle.tensor(shape: [3, 2], strides: [1, 3], storageCount: 6)
    let file = checkpoint(
        Pickle.dictionary([
            ("state_dict", Pickle.dictionary([("a", row)])), ("state_dict_ema", Pickle.dictionary([("a", reversed)])),
        ]))
    let usual = try read(file)
    #expect(usual.tensors["a"]?.shape == [2, 3])
    #expect(usual.notes == ["the weights under 'state_dict' are used; there are others under 'state_dict_ema'"])
    #expect(try read(file, .named("state_dict_ema")).tensors["a"]?.shape == [3, 2])
    #expect(message { try read(file, .named("ema")) }.contains("it has 'state_dict', 'state_dict_ema'"))
    // MONAI's loader uses the entry of the name if it exists, otherwise the whole dictionary.
    #expect(try read(file, .loaded("state_dict_ema")).tensors["a"]?.shape == [3, 2])
    // An entry without weights is named in the error as the entry that was read.
    let empty = checkpoint(Pickle.dictionary([("ema", Pickle.dictionary([("n", [0x4E])])), ("a", [0x4E])]))
    #expect(message { try read(empty, .named("ema")) }.hasSuffix("contains no weights under 'ema'; it has 'n'"))
    #expect(message { try read(empty, .loaded("ema")) }.hasSuffix("contains no weights under 'ema'; it has 'n'"))
    #expect(
        message { try read(empty, .loaded("net")) }.contains(
            "at the top level, and no dictionary 'net'; it has 'a', 'ema'"))
    let unusual = checkpoint(Pickle.dictionary([("weights", Pickle.dictionary([("a", row)]))]))
    #expect(message { try read(unusual) }.hasSuffix("--state weights"))
    let plain = checkpoint(Pickle.dictionary([("a", row), ("model", [0x4E])]))
    #expect(try read(plain, .loaded("model")).tensors["a"]?.shape == [2, 3])
}

@Test(
    .enabled(
        if: FileManager.default.fileExists(atPath: SharedFiles.path("cases/ckpt")), "the shared cases are not here"),
    arguments: [
        "plain.pt", "lightning__model.ckpt", "swa_averaged_model.pt", "numpy_array_beside.pt", "metatensor_weights.pt",
        "with_ema.pt",
    ])
func checkpointsThatPeopleSavedGiveTheirWeights(_ name: String) throws {
    let plain = try Weights.read(SharedFiles.path("cases/ckpt/plain.safetensors")).tensors
    let description = try ConfigReader(
        ConfigValue(jsonFile: SharedFiles.path("cases/ckpt/unet.json")), path: "", source: "unet.json")
    let definition = try #require(description.value("network_def"))
    let store = try NetworkDefinition(definition, source: "unet.json").makeNetwork(on: ReferenceBackend(), seed: 0)
        .store
    // The averaged weights equal the plain ones; the other entries beside them differ.
    let choice: Weights.Choice = name == "with_ema.pt" ? .named("state_dict_ema") : .usual
    let notes = try store.load(Weights.read(SharedFiles.path("cases/ckpt/\(name)"), choice))
    let isWhole = ["plain.pt", "metatensor_weights.pt", "with_ema.pt"].contains(name)
    #expect(notes.isEmpty == isWhole, "\(notes)")
    for (name, tensor) in try store.state() { #expect(tensor.floats() == plain[name]?.floats(), "\(name)") }
}

/// A text that is recalled and converted to bytes again and again once filled the memory.
@Test func aTextIsNotMadeBytesOfWithoutEnd() {
    let text = Pickle.text(String(repeating: "x", count: 1000)) + [0x71, 0]
    let call = Pickle.global("_codecs", "encode") + Pickle.tuple([0x68, 0], Pickle.text("latin1")) + [0x52]
    let calls = (0..<100).map { ("b\($0)", call) }
    let file = checkpoint(Pickle.dictionary([("a", row), ("text", text)] + calls))
    #expect(message { try read(file) }.contains("converts texts to more bytes"))
}

/// Arrays beside the weights may be from any machine; only a requested array has to be readable.
@Test func bigEndianArraysAreRefusedWhereTheyAreAskedFor() throws {
    let type =
        Pickle.global("numpy", "dtype") + Pickle.tuple(Pickle.text("i2"), [0x89], [0x88]) + [0x52, 0x71, 7]
        + Pickle.tuple(Pickle.int(3), Pickle.text(">"), [0x4E], [0x4E], [0x4E]) + [0x62]
    let empty =
        Pickle.global("numpy.core.multiarray", "_reconstruct")
        + Pickle.tuple(Pickle.global("numpy", "ndarray"), Pickle.tuple(Pickle.int(0)), [0x43, 1, 0x62]) + [0x52]
    func array(_ type: [UInt8]) -> [UInt8] {
        empty + Pickle.tuple(Pickle.int(1), Pickle.tuple(Pickle.int(1)), type, [0x89], [0x43, 2, 0, 1]) + [0x62]
    }
    // The second array recalls the type, with its byte order.
    for second in [array(type), array([0x68, 7])] {
        let file = checkpoint(Pickle.dictionary([("a", row), ("d", type), ("e", second)]))
        #expect(try read(file).tensors.count == 1)
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).pt").path
        try Data(file).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = #expect(throws: DataError.self) { try Weights.configurations(["e"], in: path) }
        #expect(error?.description.contains("big-endian") == true, "\(error?.description ?? "")")
    }
}
