import Foundation
import SegCore
import SegWeights
import Testing

/// Checkpoints that contain more than weights; `benchmarks/peers/nnunet.py` loads them with PyTorch.
struct CheckpointValueTests {
    private let path = FileManager.default.temporaryDirectory.path + "/checkpoint-\(UUID().uuidString).pth"
    private let tensors = [
        StoredTensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]), StoredTensor([-7 as Float], shape: []),
    ]

    @Test func whatIsWrittenIsRead() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let value = CheckpointValue.named([
            (
                "network_weights",
                .ordered([("a.weight", .tensor(0)), ("a.bias", .tensor(1)), ("b.weight", .tensor(0))])
            ),
            (
                "init_args",
                .named([
                    ("fold", .int(-3)), ("rate", .double(0.1)), ("name", .text("Größe")), ("none", .none),
                    ("list", .list([.bool(true), .bool(false), .list([])])), ("empty", .named([])),
                ])
            ),
            ("axes", .tuple([.int(0), .int(2)])), ("numbers", .dictionary([(.int(4), .text("four"))])),
        ])
        try Weights.write(checkpoint: value, tensors, to: path)
        let weights = try Weights.read(path, .named("network_weights")).tensors
        #expect(weights.keys.sorted() == ["a.bias", "a.weight", "b.weight"])
        #expect(weights["b.weight"]?.floats() == [1, 2, 3, 4, 5, 6] && weights["b.weight"]?.shape == [2, 3])
        #expect(weights["a.bias"]?.floats() == [-7] && weights["a.bias"]?.shape == [])
        let found = try Weights.configurations(["init_args", "axes"], in: path)
        #expect(
            found["init_args"] == [
                "fold": -3, "rate": 0.1, "name": "Größe", "none": .null, "list": [true, false, []], "empty": [:],
            ])
        #expect(found["axes"] == [0, 2])
    }

    /// Like PyTorch's own files, in which an array under two names is stored once.
    @Test func twoNamesShareAStorage() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let large = StoredTensor([Float](repeating: 1, count: 10_000), shape: [10_000])
        let names = (0..<4).map { (key: "name.\($0)", value: CheckpointValue.tensor(0)) }
        try Weights.write(checkpoint: .named([("network_weights", .ordered(names))]), [large], to: path)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count < 42_000)
        #expect(try Weights.read(path, .named("network_weights")).tensors.count == 4)
    }
}
