import SegBackend
import SegCore
import SegModels
import SegNN
import SegReference
import SegWeights
import Testing

private func store(_ name: String) throws -> ParameterStore {
    try NetworkGolden.named(name).network(on: ReferenceBackend()).store
}

/// Entries of MONAI's state_dict beside parameters: DynUNet's second names, SwinUNETR's tables of positions.
private let extras = [
    ("dynunet", "skip_layers.downsample.conv1.conv.weight"),
    ("swinunetr", "swinViT.layers1.0.blocks.0.attn.relative_position_index"),
]

@Test(arguments: extras)
func stateIsWholeWhateverAFileLeavesOut(_ name: String, extra: String) throws {
    let store = try store(name)
    let whole = try store.state()
    let least = whole.filter { entry in store.parameters.contains { $0.name == entry.key } }
    #expect(whole[extra] != nil && least[extra] == nil)
    try store.load(least, source: "least.pt")
    let filled = try store.state(from: least)
    #expect(Set(filled.keys) == Set(whole.keys))
    for (name, tensor) in whole { #expect(filled[name]?.bytes == tensor.bytes, "\(name)") }
    #expect(try NetworkGolden.named(name).state.count == whole.count)
}

@Test(arguments: extras)
func secondCopyThatDisagreesIsRefused(_ name: String, extra: String) throws {
    let store = try store(name)
    var state = try store.state()
    let tensor = try #require(state[extra])
    state[extra] =
        tensor.dtype == .i64
        ? StoredTensor(tensor.integers().map { $0 + 1 }, shape: tensor.shape)
        : StoredTensor(tensor.floats().map { $0 + 1 }, shape: tensor.shape)
    #expect(store.match(state).conflicting == [extra])
    let error = #expect(throws: DataError.self) { try store.load(state, source: "w.safetensors") }
    #expect(error?.description.contains(extra) == true)
}

@Test func misshapenAndMissingParametersStayOut() throws {
    let store = try store("dynunet")
    var file = try store.state()
    file["input_block.conv1.conv.weight"] = StoredTensor([1, 2] as [Float], shape: [2])
    file["bottleneck.conv1.conv.weight"] = nil
    let state = try store.state(from: file)
    for name in ["input_block.conv1.conv.weight", "bottleneck.conv1.conv.weight"] { #expect(state[name] == nil) }
    #expect(state["skip_layers.downsample.conv1.conv.weight"] == nil)
}
