import Foundation
import SegCore
import SegTestNeeds
import Testing

/// A fingerprint of the intensities, from the doctor's advice to a mask, with a user's commands.
@Suite(.needs("A build of medseg") { Command.areBuilt }) struct IntensityCommandTests {
    private let data: SmallDataset
    private let config: String

    init() throws {
        data = try SmallDataset()
        let yaml =
            SmallDataset.yaml.replacing("crop_foreground: true", with: "crop_foreground: false")
            .replacing("{a_min: -100, a_max: 200, clip: true}", with: "{name: fingerprint}")
            .replacing("iterations: 10", with: "iterations: 2") + "cache: prepared\n"
        config = try data.folder.write(Array(yaml.utf8), as: "fingerprint.yaml")
    }

    private func medseg(_ arguments: String...) throws -> Command.Outcome {
        let outcome = try Command.medseg(list: arguments)
        #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
        return outcome
    }

    private func prepared() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: data.folder.file("prepared")).sorted()
    }

    @Test func preparedCasesAreThoseOfTheTraining() throws {
        let doctor = try medseg("data", "doctor", data.folder.path, "--config", config)
        #expect(doctor.output.contains("intensity: the index names no modality"), "\(doctor.output)")
        _ = try medseg("data", "prepare", config, "--quiet")
        let cases = try prepared()
        #expect(cases.count == 3)
        let run = data.folder.file("run")
        _ = try medseg("train", config, "--out", run, "--quiet", "--device", "cpu")
        #expect(try prepared() == cases, "the numbers are part of a case's key")
        // A run on other training cases has other numbers.
        _ = try medseg(
            "train", config, "--out", data.folder.file("other"), "--quiet", "--device", "cpu", "--set",
            "validation=[ct_0]")
        #expect(try prepared().count == 6)
        let model = try String(contentsOfFile: run + "/model/model.json", encoding: .utf8)
        #expect(model.contains("percentile_00_5") && model.contains("fingerprint"))
        _ = try medseg("predict", data.image(2), "--model", run + "/model", "--out", data.folder.file("masks"))
        let info = try medseg("info", run + "/model")
        #expect(info.output.contains("intensities: clipped to"), "\(info.output)")
    }
}
