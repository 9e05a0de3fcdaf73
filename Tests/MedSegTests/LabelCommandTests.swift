import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import Testing

/// Label maps of many numbers, of which a network learns some, with the commands a user types.
@Suite(.needs("A build of medseg") { Command.areBuilt }) struct LabelCommandTests {
    private let data: SmallDataset

    /// The small dataset, whose ball is number 7 with a shell of 3 and a far corner of 5.
    init() throws {
        data = try SmallDataset()
        for index in 0..<3 {
            let label = try ScanFile.readVolume(data.label(index)).volume
            let numbers = label.voxels.enumerated().map { offset, voxel in
                Int16(voxel == 1 ? (offset % 3 == 0 ? 3 : 7) : offset < 400 ? 5 : 0)
            }
            try data.write(numbers, as: "labelsTr/ct_\(index).nii.gz")
        }
    }

    private func train(_ labels: String, classes: Int, _ more: [String] = []) throws -> Command.Outcome {
        let text = SmallDataset.yaml.replacing("out_channels: 2", with: "out_channels: \(classes)") + labels
        let config = try data.folder.write(Array(text.utf8), as: "labels.yaml")
        return try Command.medseg(
            list: ["train", config, "--out", data.folder.file("run"), "--set", "iterations=2", "--quiet"] + more)
    }

    /// Classes are numbered as they are written, not as they are sorted.
    @Test func namesTakeNumbersInTheirOrder() throws {
        let training = try train("labels:\n  outer: 5\n  ball: [3, 7]\n", classes: 3)
        #expect(training.status == 0, "\(training.errors)")
        let model = try ConfigValue(jsonFile: data.folder.file("run/model/model.json"))
        guard case .object(let entries) = model else { return }
        #expect(entries["labels"] == [["outer": 5], ["ball": [3, 7]]])
        let evaluation = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--cases", "ct_2", "--model", data.folder.file("run/model"), "-q",
            "--json")
        let rows = try #require(
            evaluation.output.range(of: #""label"\s*:\s*1"#, options: .regularExpression), "\(evaluation.output)")
        #expect(rows.isEmpty == false && evaluation.output.contains("outer") && evaluation.output.contains("ball"))
        let resumed = try Command.medseg("train", "--resume", data.folder.file("run"), "--quiet")
        #expect(resumed.status == 0, "\(resumed.errors)")
    }

    @Test func aChangeOnTheCommandLineKeepsTheOrderToo() throws {
        let training = try train("", classes: 3, ["--set", "labels={outer: 5, ball: [3, 7]}"])
        #expect(training.status == 0, "\(training.errors)")
        let written = try ConfigValue(jsonFile: data.folder.file("run/model/model.json"))
        #expect(written.description.contains(#"[{"outer": 5}, {"ball": [3, 7]}]"#), "\(written)")
    }

    @Test(arguments: [
        ("labels: {outer: 5, ball: [3, 5]}\n", "'outer' and 'ball' both take number 5"),
        ("labels: {outer: 5, ball: x}\n", "labels.ball"), ("labels: {outer: 0}\n", "from 1 to 65535"),
        ("labels: {outer: 5, ball: 3}\nignore_label: 3\n", "which labels gives to 'ball'"),
        ("labels: {outer: 5, ball: 3, far: 9}\n", "name class 3"),
    ])
    func wrongLabelsAreNamed(_ labels: String, _ words: String) throws {
        let outcome = try train(labels, classes: 3)
        #expect(outcome.status == 65 && outcome.message.contains(words), "\(outcome.errors)")
    }

    /// A number that no class takes is refused where numbers are classes, and named.
    @Test func unmappedNumbersAreRefusedWithAHint() throws {
        let outcome = try train("", classes: 3)
        #expect(outcome.status == 65 && outcome.message.contains("labels:"), "\(outcome.errors)")
    }

    @Test func ignoredVoxelsAreLearntAndMeasuredNowhere() throws {
        let training = try train("labels: {ball: [3, 7]}\nignore_label: 5\n", classes: 2)
        #expect(training.status == 0, "\(training.errors)")
        let evaluation = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--cases", "ct_2", "--model", data.folder.file("run/model"), "-q")
        #expect(evaluation.status == 0 && evaluation.output.contains("ball"), "\(evaluation.errors)")
        #expect(!evaluation.errors.contains("does not know"), "\(evaluation.errors)")
    }
}
