import Foundation
import SegCPU
import SegCore
import SegData
import SegImaging
import SegInference
import SegStudy
import SegTrain
import Testing

/// Runs whose intensities are changed by numbers of their training cases' foreground.
@Suite(.serialized) struct FingerprintRunTests {
    private let study: SmallStudy

    init() throws { study = try SmallStudy() }

    private static let fingerprint: ConfigValue = [
        "orientation": "RAS", "pixdim": [1.5, 1.5, 2.0], "intensity": ["name": "fingerprint"],
    ]

    /// Runs, and returns the cases that were measured.
    @discardableResult
    private func run(
        _ preprocessing: ConfigValue = fingerprint, in folder: String = "run", resuming: Bool = false,
        until isAsked: () -> Bool = { false }, report: (TrainingRunEvent) -> Void = { _ in }
    ) throws -> [String] {
        var measured: [String] = []
        let configuration = try study.configuration(["preprocessing": preprocessing])
        _ = try TrainingRun(
            configuration, folder: study.file(folder), on: CPUBackend(threads: 1), version: "1.2.3", note: { _ in }
        ).run(resuming: resuming, until: isAsked) { event in
            if case .reading(.fingerprint, let name, _, _) = event { measured.append(name) }
            report(event)
        }
        return measured
    }

    private func model(in folder: String = "run") throws -> ModelDescription {
        try ModelDescription(file: study.file("\(folder)/last/model.json"))
    }

    private func bytes(_ name: String) -> Data? { FileManager.default.contents(atPath: study.file(name)) }

    @Test func aModelHasTheNumbersOfItsTrainingCases() throws {
        #expect(try run() == ["ct_0", "ct_1"])
        guard case .fingerprint(let numbers?)? = try model().preprocessing.intensities?.rules.first else {
            Issue.record("the model has no numbers")
            return
        }
        let foreground = try (0..<2).flatMap { number in
            let scan = try ScanFile.readVolume(study.file("data/imagesTr/ct_\(number).nii.gz")).volume.voxels
            let label = try ScanFile.readVolume(study.file("data/labelsTr/ct_\(number).nii.gz")).volume.voxels
            return zip(scan, label).filter { $0.1 == 1 }.map { Double($0.0) }
        }
        let mean = foreground.reduce(0, +) / Double(foreground.count)
        let variance = foreground.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(foreground.count)
        // 100 million draws are close to all voxels, but the two cases have equal shares of them.
        #expect(abs(numbers.mean - mean) < 0.1 && abs(numbers.deviation - variance.squareRoot()) < 0.1, "\(numbers)")
        #expect(numbers.lower >= 150 && numbers.upper <= 189 && numbers.lower < numbers.upper)
        // The configuration of the run holds them as well, and a prediction prepares a scan as training did.
        let file = study.file("run/config.json")
        let kept = try TrainingConfiguration(ConfigValue(jsonFile: file), source: file)
        #expect(try kept.isMeasured && kept.model.preprocessing == model().preprocessing)
        let dataset = try Dataset(path: study.file("data"))
        let trained = try PreparedCase(dataset.cases[0], kept.model.preprocessing, channels: 1, classes: 2).image
        let scan = try ScanFile.readVolume(dataset.cases[0].image).volume
        let predicted = try model().preprocessing(scan, name: "scan").image
        #expect(trained.channels == predicted.channels && trained.size == predicted.size)
        let middle = try #require(predicted.channels[0].max())
        #expect(abs(Double(middle) - (numbers.upper - numbers.mean) / numbers.deviation) < 1e-3)
    }

    @Test func aResumedRunUsesTheNumbersOfItsStart() throws {
        #expect(try run(in: "straight").count == 2)
        var steps = 0
        try run(until: { steps >= 4 }) { if case .step = $0 { steps += 1 } }
        #expect(try run(resuming: true).isEmpty, "nothing is measured again")
        for name in ["last/model.safetensors", "last/model.json", "validation.csv", "checkpoint.safetensors"] {
            #expect(bytes("run/\(name)") != nil && bytes("run/\(name)") == bytes("straight/\(name)"), "\(name)")
        }
        // Without a checkpoint the run begins again, with the same numbers.
        try FileManager.default.removeItem(atPath: study.file("run/checkpoint.safetensors"))
        #expect(try run(resuming: true).isEmpty)
        #expect(bytes("run/last/model.safetensors") == bytes("straight/last/model.safetensors"))
        let other = try #require(throws: DataError.self) {
            try run(["intensity": ["name": "z_score"]], resuming: true)
        }
        #expect(other.description.contains("preprocessing"), "\(other)")
    }

    @Test func channelsThatAreNotCTAreRefused() throws {
        let text = try study.text("data/dataset.json")
        try study.write(
            text.replacingOccurrences(of: "\"labels\"", with: "\"modality\": {\"0\": \"T1\"}, \"labels\""),
            as: "data/dataset.json")
        let error = try #require(throws: DataError.self) { try run() }
        #expect(error.key == "preprocessing.intensity", "\(error)")
        #expect(error.message.contains("'T1' is not CT") && error.message.contains("z_score"), "\(error)")
        #expect(!study.isThere("run/config.json"))
    }
}
