import Foundation
import SegCore
import SegModels
import SegReference
import SegWeights
import Testing

private func temporaryFile(_ bytes: [UInt8]) throws -> String {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors")
    try Data(bytes).write(to: url)
    return url.path
}

private func file(header: String, body: Int) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init) + Array(header.utf8)
        + [UInt8](repeating: 0, count: body)
}

@Test func safetensorsRoundTrip() throws {
    let stored = Safetensors(
        tensors: [
            "b": StoredTensor([1.5, -2, 3] as [Float], shape: [3]), "a.count": StoredTensor([7] as [Int64], shape: []),
        ], metadata: ["format": "pt"])
    let path = try temporaryFile(stored.encoded())
    defer { try? FileManager.default.removeItem(atPath: path) }
    let read = try Safetensors(file: path)
    #expect(read.tensors["b"]?.floats() == [1.5, -2, 3])
    #expect(read.tensors["a.count"]?.integers() == [7])
    #expect(read.tensors["a.count"]?.count == 1)
    #expect(read.metadata == ["format": "pt"])
}

@Test(arguments: [
    (#"{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#, 12, "outside the file"),
    (#"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}}"#, 16, "needs 12 bytes"),
    (#"{"x":{"dtype":"F32","shape":[-3],"data_offsets":[0,16]}}"#, 16, "bad shape"),
    (#"{"x":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,16]}}"#, 16, "absurd"),
    (
        #"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"y":{"dtype":"F32","shape":[3],"data_offsets":[4,16]}}"#,
        16, "tensors overlap"
    ),
    (#"{"x":{"dtype":"Q4","shape":[4],"data_offsets":[0,16]}}"#, 16, "Q4"),
    (#"{"x":3}"#, 0, "lacks dtype"),
    (#"["x"]"#, 0, "not a JSON object"),
])
func damagedFilesAreRefused(_ header: String, body: Int, message: String) throws {
    let path = try temporaryFile(file(header: header, body: body))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let error = #expect(throws: DataError.self) { try Safetensors(file: path) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains(path) == true)
}

@Test func shortOrLyingHeadersAreRefused() throws {
    for bytes in [[1, 2, 3], [255, 255, 255, 255, 255, 255, 255, 127, 0]] as [[UInt8]] {
        let path = try temporaryFile(bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(throws: DataError.self) { try Safetensors(file: path) }
    }
}

@Test func halfPrecisionIsRead() throws {
    // 1, −2, 65504 (largest), 2⁻²⁴ (smallest subnormal), infinity in binary16; 1 and −3 in bfloat16.
    let header =
        #"{"h":{"dtype":"F16","shape":[5],"data_offsets":[0,10]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[10,14]}}"#
    let halves: [UInt16] = [0x3C00, 0xC000, 0x7BFF, 0x0001, 0x7C00, 0x3F80, 0xC040]
    let path = try temporaryFile(file(header: header, body: 0) + halves.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
    defer { try? FileManager.default.removeItem(atPath: path) }
    let read = try Safetensors(file: path)
    #expect(read.tensors["h"]?.floats() == [1, -2, 65504, 0x1p-24, .infinity])
    #expect(read.tensors["b"]?.floats() == [1, -3])
}

@Test func weightsThatDoNotFitAreListed() throws {
    let definition: ConfigValue = [
        "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [2, 4], "strides": [2],
    ]
    let net = try NetworkDefinition(definition, source: "test").makeNetwork(on: ReferenceBackend(), seed: 0)
    var state = try net.store.state()
    try net.store.load(state.reduce(into: [:]) { $0["module." + $1.key] = $1.value }, source: "w")
    let name = "model.0.conv.weight"
    state[name] = StoredTensor([1, 2] as [Float], shape: [2])
    state["model.2.conv.bias"] = nil
    state["extra"] = StoredTensor([1] as [Float], shape: [1])
    let error = #expect(throws: DataError.self) { try net.store.load(state, source: "w.safetensors") }
    let text = try #require(error?.description)
    #expect(text.contains("extra") && text.contains("model.2.conv.bias") && text.contains("\(name) (file [2], network"))
}
