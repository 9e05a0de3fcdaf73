import Foundation
import SegCPU
import SegCore
import SegData
import SegInference
import SegModels
import SegStudy
import SegTrain
import Testing

/// The files that a training run writes.
@Suite struct RunRecordTests {
    private let study: SmallStudy
    private let notes = Notes()

    init() throws { study = try SmallStudy() }

    private func record(_ configuration: TrainingConfiguration, resumed: Bool = false) throws -> RunRecord {
        let dataset = try Dataset(path: configuration.data)
        return try RunRecord(
            folder: study.file("run"), configuration: configuration, split: dataset.split(validation: ["ct_2"]),
            from: nil, isResumed: resumed, note: notes.take)
    }

    private func step(_ number: Int) -> TrainingStep {
        TrainingStep(iteration: number, loss: 0.5, learningRate: 0.001, seconds: 1.5 * Double(number), remaining: 1)
    }

    @Test func aRunIsRecordedFromItsFirstMoment() throws {
        var record = try record(study.configuration())
        #expect(try study.text("run/config.json") == study.configuration().resolved.jsonText())
        let split = try CaseSplit(file: study.file("run/split.json"))
        #expect(split.training == ["ct_0", "ct_1"] && split.validation == ["ct_2"])
        try record.append(step(1))
        try record.append(step(2))
        try record.append(
            ValidationResult(
                iteration: 2,
                ValidationScores(mean: 0.25, cases: [("ct_2", 0.25), ("a,b", nil)], classes: [(1, 0.25)]),
                isBest: true))
        try record.sync()
        #expect(record.seconds == 3)
        #expect(
            try study.text("run/training.csv")
                == "step,seconds,learning_rate,loss\n1,1.500,1.000000e-03,0.5000000\n2,3.000,1.000000e-03,0.5000000\n")
        #expect(try study.text("run/validation.csv") == "step,dice\n2,0.250000\n")
        #expect(try study.text("run/validation_cases.csv") == "step,case,dice\n2,ct_2,0.250000\n2,\"a,b\",\n")
    }

    @Test func whatAnotherRunLeftDoesNotPassForThisOnes() throws {
        for name in ["checkpoint.safetensors", "model/model.json", "last/model.json", "notes.txt"] {
            try study.write("old", as: "run/\(name)")
        }
        _ = try record(study.configuration())
        #expect(!study.isThere("run/checkpoint.safetensors") && !study.isThere("run/model"))
        #expect(!study.isThere("run/last") && study.isThere("run/notes.txt"))
    }

    /// A folder with the name of one of the program's, or a file in it, may be a user's.
    @Test func onlyFilesOfTheProgramAreRemoved() throws {
        let own = ["validation/summary.json", "validation/ct_9.nii.gz", "nnunet/plans.json", "nnunet/run.json"]
        for name in own + ["validation/mine.nii.gz", "nnunet/mine.txt"] { try study.write("old", as: "run/\(name)") }
        try study.write(#"{"weights": "0", "cases": {"ct_9": "0 0"}}"#, as: "run/validation/source.json")
        _ = try record(study.configuration())
        for name in own + ["validation/source.json"] { #expect(!study.isThere("run/\(name)"), "\(name)") }
        #expect(study.isThere("run/validation/mine.nii.gz") && study.isThere("run/nnunet/mine.txt"))
        // Without the record that the program writes, nothing counts as its own.
        try study.write("mine", as: "run/validation/ct_9.nii.gz")
        try study.write("mine", as: "run/nnunet/plans.json")
        _ = try record(study.configuration())
        #expect(study.isThere("run/validation/ct_9.nii.gz") && study.isThere("run/nnunet/plans.json"))
    }

    @Test func aValidationWithoutADiceIsAnEmptyCell() throws {
        let record = try record(study.configuration())
        try record.append(ValidationResult(iteration: 2, ValidationScores(mean: .nan), isBest: false))
        try record.sync()
        #expect(try study.text("run/validation.csv") == "step,dice\n2,\n")
    }

    @Test func aResumedRunKeepsItsModels() throws {
        try study.write("old", as: "run/model/model.json")
        _ = try record(study.configuration(), resumed: true)
        #expect(try study.text("run/model/model.json") == "old")
    }

    @Test func aSavedModelOpens() throws {
        let configuration = try study.configuration()
        let backend = try CPUBackend(threads: 1)
        let network = try configuration.model.makeNetwork(on: backend, seed: 1)
        try record(configuration).save(configuration.model, network.store, as: .last)
        let predictor = try Predictor(folder: study.file("run/last"), on: backend)
        #expect(predictor.classes == 2)
    }
}
