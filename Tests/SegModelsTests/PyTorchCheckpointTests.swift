import Foundation
import SegCore
import SegModels
import SegNN
import SegReference
import SegTestNeeds
import SegWeights
import Testing

private func withFile<T>(_ bytes: [UInt8], _ body: (String) throws -> T) throws -> T {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).pt")
    try Data(bytes).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    return try body(url.path)
}

/// A checkpoint with a pickle and one storage of six floats.
private func checkpoint(_ pickle: [UInt8], storage: [UInt8] = floatBytes([0, 1, 2, 3, 4, 5])) -> HandMadeZip {
    HandMadeZip(entries: [
        ("w/data.pkl", pickle), ("w/byteorder", Array("little".utf8)), ("w/data/0", storage),
        ("w/version", Array("3\n".utf8)),
    ])
}

private let row = Pickle.tensor(shape: [2, 3], strides: [3, 1], storageCount: 6)

private func expectRefusal(
    _ bytes: [UInt8], _ message: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    try withFile(bytes) { path in
        let error = #expect(throws: DataError.self, sourceLocation: sourceLocation) { try Weights.read(path) }
        let text = error?.description ?? ""
        #expect(text.contains(message) && text.contains(path), "\(text)", sourceLocation: sourceLocation)
    }
}

@Test func tensorsAreReadByStrideAndOffset() throws {
    let pickle = Pickle.whole(
        Pickle.dictionary([
            ("plain", row), ("turned", Pickle.tensor(shape: [3, 2], strides: [1, 3], storageCount: 6)),
            ("tail", Pickle.tensor(shape: [2], strides: [2], offset: 3, storageCount: 6)),
            ("scalar", Pickle.tensor(shape: [], strides: [], offset: 4, storageCount: 6)),
            ("none", Pickle.tensor(shape: [0, 5], strides: [5, 1], storageCount: 6)),
        ]))
    let weights = try withFile(checkpoint(pickle).bytes) { try Weights.read($0) }
    #expect(weights.tensors["plain"]?.floats() == [0, 1, 2, 3, 4, 5])
    #expect(weights.tensors["turned"]?.floats() == [0, 3, 1, 4, 2, 5])
    #expect(weights.tensors["turned"]?.shape == [3, 2])
    #expect(weights.tensors["tail"]?.floats() == [3, 5])
    #expect(weights.tensors["scalar"]?.floats() == [4])
    #expect(weights.tensors["none"]?.floats() == [])
}

@Test(arguments: ["state_dict", "model_state_dict", "model"])
func wrappersAndPrefixesAreRemoved(_ wrapper: String) throws {
    let inner = Pickle.dictionary([("module.a", row), ("module.b", row)])
    let parameter = Pickle.global("torch._utils", "_rebuild_parameter") + Pickle.tuple(row, [0x88], Pickle.emptyOrdered)
    let pickle = Pickle.whole(
        Pickle.dictionary([
            ("epoch", Pickle.int(3)), ("loss", [0x47] + [UInt8](repeating: 0, count: 8)), ("best", parameter + [0x52]),
            (wrapper, inner), ("lr", Array("]".utf8)),
        ]))
    let weights = try withFile(checkpoint(pickle).bytes) { try Weights.read($0) }
    #expect(weights.tensors.keys.sorted() == ["a", "b"])
}

@Test func writtenCheckpointsAreReadBack() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).pt").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let state = [
        "a.weight": StoredTensor([1.5, -2, 3, 4, 5, 6] as [Float], shape: [2, 3]),
        "a.count": StoredTensor([-7] as [Int64], shape: []),
    ]
    try Weights.write(state, to: path)
    let read = try Weights.read(path).tensors
    #expect(read["a.weight"]?.floats() == [1.5, -2, 3, 4, 5, 6])
    #expect(read["a.weight"]?.shape == [2, 3])
    #expect(read["a.count"]?.integers() == [-7])
}

/// The pickle of `os.system("touch FILE")`, as written by `__reduce__`.
@Test func picklesThatCallAreRefusedAndNothingRuns() throws {
    let victim = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
    for (module, name) in [("posix", "system"), ("os", "system"), ("builtins", "eval"), ("torch", "load")] {
        let call = Pickle.global(module, name) + Pickle.tuple(Pickle.text("touch \(victim)")) + [0x52]
        let pickle = Pickle.whole(Pickle.dictionary([("state_dict", Pickle.dictionary([("a", row)])), ("x", call)]))
        try expectRefusal(checkpoint(pickle).bytes, "'\(module).\(name)'")
    }
    let stackGlobal = Pickle.text("os") + Pickle.text("system") + [0x93]
    try expectRefusal(checkpoint(Pickle.whole(stackGlobal)).bytes, "'os.system'")
    #expect(!FileManager.default.fileExists(atPath: victim))
}

@Test(arguments: [(0x69, "INST"), (0x6F, "OBJ"), (0x97, "NEXT_BUFFER"), (0x82, "EXT1"), (0x32, "DUP"), (0xFF, "0xff")])
func opcodesThatNoTensorNeedsAreNamed(_ code: Int, name: String) throws {
    try expectRefusal(checkpoint([0x80, 2, UInt8(code)]).bytes, "opcode \(name) at byte 2")
}

private let damagedPickles: [([UInt8], String)] = [
    ([0x80, 2, 0x58, 0xFF, 0xFF, 0xFF, 0x7F], "ends within text"),
    ([0x80, 2], "ends within an opcode"),
    ([0x80, 9], "unknown protocol 9"),
    ([0x80, 2, 0x68, 7, 0x2E], "refers to value 7"),
    ([0x80, 2, 0x2E], "uses a missing value"),
    ([0x80, 2, 0x29, 0x28, 0x30, 0x2E], "uses a missing value"),
    ([0x80, 2, 0x74, 0x2E], "uses a missing value"),
    ([0x80, 2, 0x29, 0x2E], "no dictionary of weights"),
    ([0x80, 2, 0x7D, 0x2E], "contains no weights"),
    ([0x80, 2, 0x29, 0x51, 0x2E], "not a storage"),
    ([0x80, 2, 0x29, 0x29, 0x52, 0x2E], "not a function"),
]

@Test(arguments: damagedPickles.indices)
func damagedPicklesAreRefused(_ index: Int) throws {
    try expectRefusal(checkpoint(damagedPickles[index].0).bytes, damagedPickles[index].1)
}

/// `torch.save(model)` writes an object of the network's class and its attributes.
@Test func aWholeModelIsNamedAndNotMade() throws {
    let made = Pickle.global("monai.networks.nets.unet", "UNet") + [0x29, 0x81]
    let attributes = Pickle.dictionary([("training", [0x88]), ("_parameters", Pickle.dictionary([("a", row)]))])
    let bytes = checkpoint(Pickle.whole(made + attributes + [0x62])).bytes
    try expectRefusal(bytes, "a whole object of the class 'monai.networks.nets.unet.UNet'")
    try expectRefusal(bytes, "torch.save(model.state_dict(), FILE)")
}

/// A million nested tuples, a dictionary within itself, and doubling by memo need little stack and memory.
@Test func nestingAndSharingAreHarmless() throws {
    let nested = [0x29] + [UInt8](repeating: 0x85, count: 1_000_000)
    let cycle: [UInt8] = [0x7D, 0x71, 1] + Pickle.text("model") + [0x68, 1, 0x73]
    let twice: [UInt8] = [0x71, 0, 0x68, 0, 0x86]
    let doubling = [0x29] + Array(repeatElement(twice, count: 2000).joined())
    try expectRefusal(checkpoint(Pickle.whole(nested)).bytes, "no dictionary of weights")
    try expectRefusal(checkpoint(Pickle.whole(doubling)).bytes, "no dictionary of weights")
    try expectRefusal(checkpoint(Pickle.whole(cycle)).bytes, "contains no weights")
}

private let badTensors: [([UInt8], String)] = [
    (Pickle.tensor(shape: [2, 4], strides: [4, 1], storageCount: 6), "does not fit its storage of 6"),
    (Pickle.tensor(shape: [2, 3], strides: [3, 1], offset: 1, storageCount: 6), "does not fit its storage of 6"),
    (Pickle.tensor(shape: [2, 4], strides: [4, 1], storageCount: 8), "which has only 24 bytes"),
    (Pickle.tensor(shape: [6], strides: [1], type: "DoubleStorage", storageCount: 6), "which has only 24 bytes"),
    (Pickle.tensor(shape: [1 << 40], strides: [0], storageCount: 6), "does not fit its storage of 6"),
    (Pickle.tensor(shape: [1 << 40], strides: [1], storageCount: 1 << 40), "8 times the file"),
    (Pickle.tensor(shape: [1 << 62], strides: [1], storageCount: .max), "absurd shape"),
    (Pickle.tensor(shape: [1 << 40, 1 << 40], strides: [0, 0], storageCount: 6), "absurd shape"),
    (Pickle.tensor(shape: [1 << 40, 1 << 40, 0], strides: [0, 0, 0], storageCount: 6), "absurd shape"),
    (Pickle.tensor(shape: [2], strides: [.max], offset: 6, storageCount: 6), "absurd shape"),
    (Pickle.tensor(shape: [-2, -3], strides: [3, 1], storageCount: 6), "absurd shape"),
    (Pickle.tensor(shape: [2], strides: [-1], offset: 1, storageCount: 6), "absurd shape"),
    (Pickle.tensor(shape: [2], strides: [1], offset: -1, storageCount: 6), "offset -1"),
    (Pickle.tensor(shape: [2], strides: [1], storageCount: -6), "absurd length -6"),
    (Pickle.tensor(shape: [2], strides: [1, 1], storageCount: 6), "has an invalid tensor"),
    (Pickle.tensor(shape: [6], strides: [1], key: "1", storageCount: 6), "data/1, which is missing from the archive"),
    (Pickle.tensor(shape: [6], strides: [1], key: "../../etc/x", storageCount: 6), "missing from the archive"),
    (Pickle.tensor(shape: [3], strides: [1], type: "ComplexFloatStorage", storageCount: 3), "ComplexFloatStorage"),
]

@Test(arguments: badTensors.indices)
func tensorsBeyondTheirStorageAreRefused(_ index: Int) throws {
    let pickle = Pickle.whole(Pickle.dictionary([("a", badTensors[index].0)]))
    try expectRefusal(checkpoint(pickle).bytes, badTensors[index].1)
}

/// Many views of one storage would need far more memory than the file.
@Test func repeatedStoragesAreBounded() throws {
    let storage = floatBytes([Float](repeating: 1, count: 100_000))
    let view = Pickle.tensor(shape: [100_000], strides: [1], storageCount: 100_000)
    let pickle = Pickle.whole(Pickle.dictionary((0..<20).map { ("\($0)", view) }))
    try expectRefusal(checkpoint(pickle, storage: storage).bytes, "8 times the file")
}

@Test func damagedArchivesAreRefused() throws {
    let whole = checkpoint(Pickle.whole(Pickle.dictionary([("a", row)])))
    _ = try withFile(whole.bytes) { try Weights.read($0) }
    for cut in [1, 30, whole.bytes.count / 2] { try expectRefusal(Array(whole.bytes.dropLast(cut)), "truncated") }
    var zip = whole
    zip.method = 8
    try expectRefusal(zip.bytes, "compressed (deflate)")
    zip = whole
    zip.breaksChecksums = true
    try expectRefusal(zip.bytes, "checksum")
    zip = whole
    zip.claimedSize = ("w/data/0", 4_000_000_000)
    try expectRefusal(zip.bytes, "does not fit the file")
    zip = whole
    zip.entries.append(("w/data/0", [1]))
    try expectRefusal(zip.bytes, "two entries named 'w/data/0'")
    zip = whole
    zip.entries += (1...20).map { ("w/data/\($0)", zip.entries[0].content) }
    zip.overlaps = true
    zip.claimedSize = ("w/data/20", UInt32(zip.bytes.count))
    try expectRefusal(zip.bytes, "overlap")
    try expectRefusal(HandMadeZip(entries: [("readme", [1])]).bytes, "not a PyTorch checkpoint")
    zip = whole
    zip.entries[1].content = Array("big".utf8)
    try expectRefusal(zip.bytes, "big-endian")
    zip = whole
    zip.entries.append(("w/constants.pkl", []))
    try expectRefusal(zip.bytes, "TorchScript")
}

@Test func otherFormatsAreNamed() throws {
    try expectRefusal([0x80, 2, 0x8A, 0x0A], "before 1.6")
    try expectRefusal(Array("hello, this is text".utf8), "neither safetensors nor")
    try expectRefusal([], "neither safetensors nor")
    let error = #expect(throws: DataError.self) { try Weights.read("/nowhere/weights.pt") }
    #expect(error?.kind == .noInput)
}

/// Every file that differs from a valid one in one byte is refused or read; none crashes.
@Test func noSingleDamagedByteCrashes() throws {
    let good = checkpoint(Pickle.whole(Pickle.dictionary([("a", row)]))).bytes
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).pt")
    defer { try? FileManager.default.removeItem(at: url) }
    var refused = 0
    for index in good.indices {
        var bytes = good
        bytes[index] ^= 0xFF
        try Data(bytes).write(to: url)
        if (try? Weights.read(url.path)) == nil { refused += 1 }
    }
    #expect(refused > good.count / 2)
}

/// Names of older MONAI versions that no output depends on neither cause an error nor count as read.
@Test func keysOfOlderMONAIVersionsAreDropped() throws {
    let definition: ConfigValue = [
        "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [2, 4], "strides": [2],
    ]
    let net = try NetworkDefinition(definition, source: "test").makeNetwork(on: ReferenceBackend(), seed: 0)
    var state = try net.store.state()
    let old = [
        "encoder2.blocks.0.1.conv3.conv.weight", "vit.blocks.11.cross_attn.out_proj.weight",
        "vit.patch_embedding.cls_token",
    ]
    for name in old { state[name] = StoredTensor([1] as [Float], shape: [1]) }
    let match = net.store.match(state)
    #expect(match.isComplete && match.obsolete == old)
    try net.store.load(state, source: "old.pt")
    state["vit.blocks.0.attn.out_proj.weight"] = StoredTensor([1] as [Float], shape: [1])
    #expect(net.store.match(state).unexpected == ["vit.blocks.0.attn.out_proj.weight"])
}

/// Values beside the weights are read as data; objects and tensors in them are replaced by their names.
@Test func configurationsBesideTheWeightsAreRead() throws {
    let float: [UInt8] = [0x47, 0xC0, 0x66, 0x91, 0, 0, 0, 0, 0]
    let list = Array("](".utf8) + float + Pickle.int(3) + Array("e".utf8)
    let one = Array("]".utf8) + Pickle.text("a") + Array("a".utf8)
    let object = Pickle.global("numpy.core.multiarray", "scalar") + Array(")R".utf8)
    let inner = Pickle.dictionary([
        ("list", list), ("one", one), ("yes", [0x88]), ("no", [0x89]), ("none", [0x4E]), ("object", object),
        ("tuple", Pickle.tuple(Pickle.int(-1), Pickle.text("b"))),
    ])
    let weights = Pickle.dictionary([("w", Pickle.tensor(shape: [2], strides: [1], storageCount: 2))])
    let pickle = Pickle.whole(Pickle.dictionary([("config", inner), ("state_dict", weights)]))
    try withFile(checkpoint(pickle).bytes) { (path: String) throws -> Void in
        let expected: ConfigValue = [
            "list": [-180.53125, 3], "one": ["a"], "yes": true, "no": false, "none": .null,
            "object": "an object of numpy.core.multiarray.scalar", "tuple": [-1, "b"],
        ]
        #expect(try Weights.configuration("config", in: path) == expected)
        #expect(try Weights.configuration("other", in: path) == nil)
        #expect(try Weights.read(path).tensors.keys.sorted() == ["w"])
    }
    // A list that contains itself, and lists that each contain another ten times, would never end.
    let circle = Array("]q\u{1}h\u{1}a".utf8)
    for hostile in [circle, nested(levels: 30)] {
        let pickle = Pickle.whole(Pickle.dictionary([("config", hostile), ("w", Pickle.int(1))]))
        try withFile(checkpoint(pickle).bytes) { (path: String) throws -> Void in
            let error = #expect(throws: DataError.self) { try Weights.configuration("config", in: path) }
            #expect(error?.message.contains("nested too deeply") == true)
        }
    }
}

/// Nested lists, each with ten times the list before it and stored once in the pickle.
private func nested(levels: Int) -> [UInt8] {
    // put1 stores under a number; get1 reads it ten times within the next list.
    var bytes = Array("]q".utf8) + [0] + Array("0".utf8)
    for level in 1...levels {
        bytes += Array("](".utf8)
        for _ in 0..<10 { bytes += Array("h".utf8) + [UInt8(level - 1)] }
        bytes += Array("eq".utf8) + [UInt8(level)] + (level < levels ? Array("0".utf8) : [])
    }
    return bytes
}

/// NumPy arrays become lists, by rows whatever their order in memory.
@Test func arraysOfNumPyAreReadAsLists() throws {
    guard case .object(let entries) = try Weights.contents(of: GoldenFile("dints_codes.pt").path) else {
        Issue.record("the checkpoint is no dictionary")
        return
    }
    #expect(entries["node_a"] == [[1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 0]])
    #expect(
        entries["arch_code_a"] == [
            [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0],
            [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0],
        ])
    #expect(entries["arch_code_c"] == [[1, 0, 2, 3, 0, 4, 0], [0, 1, 0, 2, 3, 0, 4], [0, 0, 1, 0, 4, 0, 0]])
    #expect(entries["iter_num"] == 7)
    #expect(throws: DataError.self) { try Weights.read(GoldenFile("dints_codes.pt").path) }
}
