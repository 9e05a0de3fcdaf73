import Foundation
import SegBackend
import SegCPU
import SegCore
import SegData
import SegModels
import SegNN
import SegTrain
import SegWeights
import Testing

/// Training runs that start from another model's weights, and layers that are frozen or learn more slowly.
@Suite(.serialized) struct StartingWeightsTests {
    private let ball = Spheres.prepared("ball", edge: 16, radius: 4, seed: 1)
    private let file: String

    init() throws {
        file = FileManager.default.temporaryDirectory.path + "/start-\(UUID().uuidString).safetensors"
        try Weights.write(Self.trainer([:], [ball]).network.store.state(), to: file)
    }

    private static func trainer(
        _ changes: [String: ConfigValue], _ cases: [PreparedCase], classes: Int = 2
    ) throws -> Trainer {
        let configuration = try Spheres.configuration(patch: 8, classes: classes, changes: changes)
        return try Trainer(configuration, training: cases, validation: [], on: CPUBackend(threads: 1))
    }

    private func state(_ trainer: Trainer) throws -> [String: [Float]] {
        try trainer.network.store.state().mapValues { $0.floats() }
    }

    @Test func whatFitsIsTakenAndTheRestIsSaid() throws {
        defer { try? FileManager.default.removeItem(atPath: file) }
        let stored = try Weights.read(file).tensors
        let trainer = try Self.trainer(
            ["seed": 5, "init_from": .string(file)], [ball], classes: 3)
        let before = try state(trainer)
        let sentences = try StartingWeights(file).load(into: trainer.network.store)
        let after = try state(trainer)
        let changed = stored.filter { after[$0.key]?.count == $0.value.floats().count }
        #expect(!changed.isEmpty && changed.count < stored.count)
        for (name, tensor) in changed { #expect(after[name] == tensor.floats(), "\(name)") }
        for (name, tensor) in stored where after[name]?.count != tensor.floats().count {
            #expect(after[name] == before[name] && sentences.contains { $0.contains(name) }, "\(name): \(sentences)")
        }
        #expect(sentences[0].contains("of \(stored.count - trainer.network.store.counters.count) arrays"))
    }

    @Test func aModelThatSharesNothingIsRefused() throws {
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Weights.write(["other.weight": StoredTensor([1, 2] as [Float], shape: [2])], to: file)
        let trainer = try Self.trainer(["init_from": .string(file)], [ball])
        let error = try #require(throws: DataError.self) { try StartingWeights(file).load(into: trainer.network.store) }
        #expect(error.message.contains("none of its arrays fits"), "\(error)")
        let absent = try Self.trainer(["init_from": "/nowhere"], [ball])
        #expect(throws: DataError.self) { try StartingWeights("/nowhere").load(into: absent.network.store) }
    }

    @Test func theModelOfARunFolderIsAskedFor() throws {
        let run = FileManager.default.temporaryDirectory.path + "/run-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: run) }
        try FileManager.default.createDirectory(atPath: run + "/model", withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: run + "/model/model.json"))
        let trainer = try Self.trainer([:], [ball])
        let error = try #require(throws: DataError.self) { try StartingWeights(run).load(into: trainer.network.store) }
        #expect(error.message.contains("give its model, \(run)/model"), "\(error)")
    }

    private var first: String { "model.0" }

    @Test func frozenPartsKeepTheirBits() throws {
        let trainer = try Self.trainer(["iterations": 3, "freeze": [.string(first)]], [ball])
        let before = try state(trainer)
        let names = Set(trainer.network.store.parameters.filter { !$0.isTrained }.map(\.name))
        #expect(names.contains { $0.hasPrefix(first) } && trainer.network.store.trained.count > 0)
        try trainer.run { _ in }
        let after = try state(trainer)
        for parameter in trainer.network.store.parameters where !parameter.name.contains("running_") {
            #expect((after[parameter.name] == before[parameter.name]) == !parameter.isTrained, "\(parameter.name)")
        }
    }

    /// One step of plain gradient descent changes a layer by its factor times the change without a factor.
    @Test func factorsMultiplyTheLearningRateOfParts() throws {
        let descent: ConfigValue = ["name": "sgd", "learning_rate": 0.5]
        let factored: ConfigValue = ["name": "sgd", "learning_rate": 0.5, "factors": [first: 0.25]]
        func moved(_ optimizer: ConfigValue, _ more: [String: ConfigValue]) throws -> [String: [Float]] {
            let trainer = try Self.trainer(["iterations": 1, "optimizer": optimizer].merging(more) { $1 }, [ball])
            let before = try state(trainer)
            try trainer.run { _ in }
            return try state(trainer).reduce(into: [:]) { moves, item in
                moves[item.key] = zip(item.value, before[item.key] ?? []).map { $0 - $1 }
            }
        }
        // With and without the collected gradients of accumulation.
        for more in [[:], ["accumulate": 2]] as [[String: ConfigValue]] {
            let (whole, part) = (try moved(descent, more), try moved(factored, more))
            for (name, moves) in whole where !name.contains("running_") && !name.contains("num_batches") {
                let factor: Float = name.hasPrefix(first + ".") ? 0.25 : 1
                let isEqual = zip(moves, part[name] ?? []).allSatisfy { abs($0 * factor - $1) <= 2e-6 + 1e-4 * abs($0) }
                #expect(isEqual, "\(name)")
            }
        }
    }

    @Test(
        arguments: [
            (["freeze": ["model.9"]], "freeze"), (["freeze": ["model"]], "freeze"),
            (["optimizer": ["learning_rate": 0.1, "factors": ["head": 2]]], "optimizer.factors"),
        ] as [([String: ConfigValue], String)])
    func partsThatAreNoneAreNamed(_ changes: [String: ConfigValue], _ key: String) throws {
        let error = try #require(throws: DataError.self) { try Self.trainer(changes, [ball]) }
        #expect(error.key == key, "\(error)")
    }
}
