import SegCore
import SegModels
import SegReference
import SegWeights
import Testing

private let definition: ConfigValue = [
    "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [2, 4], "strides": [2],
    "norm": "batch",
]

private func state(seed: UInt64) throws -> [String: StoredTensor] {
    try NetworkDefinition(definition, source: "test").makeNetwork(on: ReferenceBackend(), seed: seed).store.state()
}

private func prefixed(_ prefix: String, _ state: [String: StoredTensor]) -> [String: StoredTensor] {
    Dictionary(uniqueKeysWithValues: state.map { (prefix + $0.key, $0.value) })
}

private func load(_ tensors: [String: StoredTensor]) throws -> (state: [String: StoredTensor], notes: [String]) {
    let store = try NetworkDefinition(definition, source: "test").makeNetwork(on: ReferenceBackend(), seed: 1).store
    let notes = try store.load(Weights(source: "file.pt", tensors: tensors))
    return (try store.state(), notes)
}

/// A UNet's own names begin with `model.`.
@Test(arguments: ["", "module.", "_model.", "model.", "module._orig_mod.model.", "net.encoder."])
func aPrefixOfAllNamesIsFound(_ prefix: String) throws {
    let expected = try state(seed: 2)
    let loaded = try load(prefixed(prefix, expected))
    for (name, tensor) in expected { #expect(loaded.state[name]?.bytes == tensor.bytes, "\(name)") }
    #expect(loaded.notes.isEmpty == prefix.isEmpty)
    #expect(prefix.isEmpty || loaded.notes[0].contains("'\(prefix)'"))
}

@Test func arraysBesideThePrefixAreNamed() throws {
    let expected = try state(seed: 2)
    var file = prefixed("module.", expected)
    file["n_averaged"] = StoredTensor([3] as [Int64], shape: [])
    let notes = try load(file).notes
    #expect(notes.contains { $0.contains("left out: n_averaged") })
}

@Test func twoNetworksInOneFileAreRefused() throws {
    let file = try prefixed("student.", state(seed: 2)).merging(prefixed("teacher.", state(seed: 3))) { $1 }
    let error = #expect(throws: DataError.self) { try load(file) }
    #expect(error?.message.contains("'student.' and 'teacher.'") == true)
}

/// A file that lacks a name of the network is refused, whatever its prefix; so is one with a different array under it.
@Test func aPrefixMakesNoWrongWeightsFit() throws {
    var short = try prefixed("net.", state(seed: 2))
    short.removeValue(forKey: "net.model.0.conv.bias")
    let missing = #expect(throws: DataError.self) { try load(short) }
    #expect(missing?.message.contains("not in the file (1): model.0.conv.bias") == true)
    var long = try prefixed("net.", state(seed: 2))
    long["net.model.9.weight"] = StoredTensor([1] as [Float], shape: [1])
    let more = #expect(throws: DataError.self) { try load(long) }
    #expect(more?.message.contains("not in the network (1): model.9.weight") == true)
}
