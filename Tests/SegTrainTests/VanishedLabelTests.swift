import SegCPU
import SegCore
import SegData
import SegImaging
import SegTrain
import Testing

/// Validation cases whose label vanished in resampling: MONAI's Dice is NaN for them, and no mean counts them.
@Suite(.serialized) struct VanishedLabelTests {
    private let ball = Spheres.prepared("ball", edge: 16, radius: 4, seed: 1)
    private var vanished: PreparedCase {
        get throws {
            let image = try ball.image
            let nothing = Volume(voxels: image.channels[0].map { _ in 0 }, size: image.size, affine: image.affine)
            return PreparedCase(name: "gone", image: image, label: nothing)
        }
    }

    private func trainer(_ validation: [PreparedCase]) throws -> Trainer {
        let configuration = try Spheres.configuration(patch: 8, changes: ["iterations": 2, "validate_every": 1])
        return try Trainer(configuration, training: [ball], validation: validation, on: CPUBackend(threads: 1))
    }

    @Test func itEntersNoMeanAndIsNamed() throws {
        let trainer = try trainer([vanished, ball])
        #expect(trainer.warnings.count == 1)
        #expect(
            trainer.warnings[0].hasPrefix("gone: ") && trainer.warnings[0].contains("not part of the validation Dice"))
        var mixed = Recording()
        try trainer.run { mixed.take($0) }
        var alone = Recording()
        try self.trainer([ball]).run { alone.take($0) }
        #expect(mixed.validations.map(\.scores.mean) == alone.validations.map(\.scores.mean))
        for result in mixed.validations {
            #expect(result.scores.cases.map(\.name) == ["gone", "ball"])
            #expect(result.scores.cases[0].dice == nil && result.scores.cases[1].dice == result.scores.mean)
        }
    }

    /// A mistyped number trains a class, or a region, without a voxel.
    @Test func whatNoTrainingCaseHasIsNamed() throws {
        func warnings(classes: Int, _ changes: [String: ConfigValue]) throws -> [String] {
            let entries: [String: ConfigValue] = ["iterations": 2]
            let configuration = try Spheres.configuration(
                patch: 8, classes: classes, changes: entries.merging(changes) { $1 })
            return try Trainer(configuration, training: [ball], validation: [], on: CPUBackend(threads: 1)).warnings
        }
        #expect(try warnings(classes: 2, [:]).isEmpty)
        let plain = try warnings(classes: 3, [:])
        #expect(plain.count == 1 && plain.first?.contains(": class 2;") == true, "\(plain)")
        let grouped = try warnings(classes: 3, ["labels": [["a": 1], ["b": 99]]])
        #expect(grouped.count == 1 && grouped.first?.contains("these labels") == true, "\(grouped)")
        #expect(grouped.first?.contains(": 'b' (99);") == true, "\(grouped)")
    }

    @Test func nothingToValidateOnIsRefused() throws {
        let error = try #require(throws: DataError.self) { try trainer([vanished]) }
        #expect(error.kind == .badData && error.subject == "validation" && error.message.contains("(gone)"))
    }
}
