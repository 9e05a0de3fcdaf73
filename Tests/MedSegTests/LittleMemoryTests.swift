import Foundation
import SegTestNeeds
import Testing

/// Commands under a limit of their address space (`ulimit -v`): each gives its result or ends with exit code 70.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }, .serialized) struct LittleMemoryTests {
    private static let commands = [
        "info IMAGE", "info MODEL", "summary MODEL/model.json", "train CONFIG --out OUT/run --quiet",
        "evaluate --data DATA --model MODEL --quiet", "evaluate --prediction LABEL --reference LABEL",
        "predict IMAGE --model MODEL --out OUT --quiet", "convert MODEL/model.safetensors OUT/model.pt",
        "convert MODEL OUT/model.onnx", "export-bundle MODEL OUT/bundle", "data convert IMAGE OUT/scan.nrrd",
        "data doctor DATA --quiet", "data split DATA --out OUT/split.json",
        "data prepare CONFIG --set cache=OUT --quiet",
        "data phantom --out OUT --count 1 --quiet", "data import DATA --out OUT/data --quiet",
        "plan RAW --out OUT --quiet", "folds RUN0 RUN1 RUN2 --out OUT --quiet", "report RUN0 --out OUT", "devices",
    ]

    /// The megabytes with which the program starts at all.
    private static let least: Int = {
        var megabytes = 100
        while megabytes < 4000, (try? Command.limited(megabytes: megabytes, ["--version"]).status) != 0 {
            megabytes += 10
        }
        return megabytes
    }()

    /// A few limits between the least and plenty meet a command at different steps of its work.
    @Test func everyCommandEndsByItself() throws {
        let inputs = try Inputs()
        for command in Self.commands {
            for more in [0, 15, 40, 80, 160, 320, 1500] {
                let folder = try ScratchFolder()
                let arguments = inputs.arguments(command, out: folder.path)
                let outcome = try Command.limited(megabytes: Self.least + more, arguments)
                let title = Comment(rawValue: "\(command) with \(Self.least) + \(more) MB: \(outcome)")
                #expect(outcome.exited && [0, 70].contains(outcome.status), title)
                #expect(outcome.status == 0 || outcome.errors.contains("memory"), title)
            }
        }
    }

    /// A dataset, also as a raw dataset of nnU-Net, and three short runs over it, the folds of a cross-validation.
    private struct Inputs {
        private let data: SmallDataset

        init() throws {
            data = try SmallDataset()
            let description =
                #"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "ball": 1}, "numTraining": 3, "file_ending": ".nii.gz"}"#
            try data.folder.write(Array(description.utf8), as: "Dataset001_Balls/dataset.json")
            for number in 0..<3 {
                for (file, copy) in [
                    (data.image(number), "imagesTr/ct_\(number)_0000.nii.gz"),
                    (data.label(number), "labelsTr/ct_\(number).nii.gz"),
                ] {
                    try data.folder.write(
                        Data(contentsOf: URL(fileURLWithPath: file)), as: "Dataset001_Balls/\(copy)")
                }
                let run = try Command.medseg(
                    "train", data.config, "--out", data.folder.file("run\(number)"), "--set", "iterations=2", "--set",
                    "validation=[ct_\(number)]", "--quiet", "--device", "cpu")
                try #require(run.status == 0, "\(run.errors)")
            }
        }

        /// A command's words with the paths of the inputs and the output.
        func arguments(_ command: String, out: String) -> [String] {
            let paths = [
                ("MODEL", data.folder.file("run2/model")), ("RUN", data.folder.file("run")), ("OUT", out),
                ("IMAGE", data.image(0)), ("LABEL", data.label(0)), ("CONFIG", data.config),
                ("DATA", data.folder.path), ("RAW", data.folder.file("Dataset001_Balls")),
            ]
            return command.split(separator: " ").map { word in
                paths.first { word.contains($0.0) }.map { String(word.replacing($0.0, with: $0.1)) } ?? String(word)
            }
        }
    }
}
