import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import Testing

/// Label maps with many numbers, of which a network learns some, with a user's commands.
@Suite(.needs("A build of medseg") { Command.areBuilt }) struct LabelCommandTests {
    private let data: SmallDataset

    /// The small dataset, whose ball is number 7 with a shell of number 3 and a far corner of number 5.
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

    /// Classes are numbered in the written order, not in sorted order.
    @Test func namesTakeNumbersInTheirOrder() throws {
        let training = try train("labels:\n  outer: 5\n  ball: [3, 7]\n", classes: 3)
        #expect(training.status == 0, "\(training.errors)")
        let model = try ConfigValue(jsonFile: data.folder.file("run/model/model.json"))
        guard case .object(let entries) = model else {
            Issue.record("\(model) is no object")
            return
        }
        #expect(entries["labels"] == [["outer": 5], ["ball": [3, 7]]])
        let evaluation = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--cases", "ct_2", "--model", data.folder.file("run/model"), "-q",
            "--json")
        let document = try JSONDecoder().decode(ConfigValue.self, from: Data(evaluation.output.utf8))
        let classes = Self.classes(of: document)
        #expect(classes.map(\.name) == ["outer", "ball"])
        // The corner's 400 voxels of 4.5 mm³ are class 1.
        #expect(abs(classes[0].referenceML - 1.8) < 1e-3, "\(evaluation.output)")
        let resumed = try Command.medseg("train", "--resume", data.folder.file("run"), "--quiet")
        #expect(resumed.status == 0, "\(resumed.errors)")
    }

    /// A run with a map of labels has the weights and the metrics of a run on label maps that were renumbered beforehand.
    @Test func aMapTrainsAsLabelMapsRenumberedByHand() throws {
        func results(_ labels: String) throws -> (weights: Data, metrics: String) {
            let training = try train(labels, classes: 3, ["--force"])
            #expect(training.status == 0, "\(training.errors)")
            let model = data.folder.file("run/model")
            let evaluation = try Command.medseg(
                "evaluate", "--data", data.folder.path, "--cases", "ct_2", "--model", model, "-q", "--json")
            let document = try JSONDecoder().decode(ConfigValue.self, from: Data(evaluation.output.utf8))
            #expect(Self.classes(of: document).count == 2)
            // With plain labels, the dataset's own names are in the report.
            let metrics = (document.members["cases"]?.description ?? "").replacing(/"name": "[^"]*"/, with: "")
            return (try Data(contentsOf: URL(fileURLWithPath: model + "/model.safetensors")), metrics)
        }
        let mapped = try results("labels:\n  outer: 5\n  ball: [3, 7]\n")
        for index in 0..<3 {
            let label = try ScanFile.readVolume(data.label(index)).volume
            let classes = label.voxels.map { Int16($0 == 0 ? 0 : $0 == 5 ? 1 : 2) }
            try data.write(classes, as: "labelsTr/ct_\(index).nii.gz")
        }
        let plain = try results("labels: {1: outer, 2: ball}\n")
        #expect(mapped.weights == plain.weights)
        #expect(mapped.metrics == plain.metrics)
    }

    @Test func aChangeOnTheCommandLineKeepsTheOrderToo() throws {
        let training = try train("", classes: 3, ["--set", "labels={outer: 5, ball: [3, 7]}"])
        #expect(training.status == 0, "\(training.errors)")
        let written = try ConfigValue(jsonFile: data.folder.file("run/model/model.json"))
        #expect(written.description.contains(#"[{"outer": 5}, {"ball": [3, 7]}]"#), "\(written)")
    }

    @Test(arguments: [
        ("labels: {outer: 5, ball: [3, 5]}\n", "'outer' and 'ball' both have number 5"),
        ("labels: {outer: 5, ball: x}\n", "labels.ball"), ("labels: {outer: 0}\n", "from 1 to 65535"),
        ("labels: {outer: 5, ball: 3}\nignore_label: 3\n", "but labels assigns this number to 'ball'"),
        ("labels: {outer: 5, ball: 3, far: 9}\n", "name class 3"), ("labels: {outer: 5}\n", "name 1 classes"),
        ("labels: {outer: 5, ball: 3, ignore: [7, 8]}\n", "labels.ignore"),
        ("labels: {outer: 5, ball: 3}\nregions: {outer: 5, ball: 3}\n", "keep only one of the two"),
        ("regions: {outer: 5}\n", "from 2 to 31"), ("regions: {outer: 5, ball: 300}\n", "not 300"),
    ])
    func wrongLabelsAreNamed(_ labels: String, _ words: String) throws {
        let outcome = try train(labels, classes: 3)
        #expect(outcome.status == 65 && outcome.message.contains(words), "\(outcome.errors)")
    }

    /// A number of no class is refused, with its name, if numbers are classes.
    @Test func unmappedNumbersAreRefusedWithAHint() throws {
        let outcome = try train("", classes: 3)
        #expect(outcome.status == 65 && outcome.message.contains("labels:"), "\(outcome.errors)")
    }

    /// Ignored voxels are not a class of the network, and not an error.
    @Test func ignoredVoxelsAreMeasuredNowhere() throws {
        let labels = "labels: {\"1\": ball}\n"
        for index in 0..<3 {
            let label = try ScanFile.readVolume(data.label(index)).volume
            let numbers = label.voxels.map { Int16($0 == 5 ? 5 : $0 > 0 ? 1 : 0) }
            try data.write(numbers, as: "labelsTr/ct_\(index).nii.gz")
        }
        let refused = try train(labels, classes: 2)
        #expect(refused.status == 65 && refused.message.contains("class 5"), "\(refused.errors)")
        let training = try train(labels + "ignore_label: 5\n", classes: 2)
        #expect(training.status == 0, "\(training.errors)")
        let evaluation = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--cases", "ct_2", "--model", data.folder.file("run/model"), "-q",
            "--json")
        #expect(evaluation.status == 0 && !evaluation.errors.contains("does not know"), "\(evaluation.errors)")
        let document = try JSONDecoder().decode(ConfigValue.self, from: Data(evaluation.output.utf8))
        let label = try ScanFile.readVolume(data.label(2)).volume.voxels
        #expect(abs(Self.classes(of: document)[0].referenceML - Double(label.count { $0 == 1 }) * 0.0045) < 1e-3)
        #expect(Self.voxels(of: document) == label.count { $0 != 5 } && label.contains(5))
    }

    /// The dataset's own label `ignore` is part of the run, which resumes only with the same label.
    @Test func aRunGoesOnWithItsDatasetsIgnoredNumber() throws {
        let index = data.folder.file("dataset.json")
        let json = try String(contentsOfFile: index, encoding: .utf8)
        let own = json.replacing(#""1": "ball""#, with: #""1": "ball", "5": "ignore""#)
        try data.folder.write(Array(own.utf8), as: "dataset.json")
        let training = try train("labels: {ball: [3, 7]}\n", classes: 2)
        #expect(training.status == 0, "\(training.errors)")
        let run = data.folder.file("run")
        let config = data.folder.file("labels.yaml")
        let resumed = try Command.medseg(
            "train", config, "--resume", run, "--quiet", "--set", "iterations=3")
        #expect(resumed.status == 0, "\(resumed.errors)")
        try data.folder.write(Array(json.utf8), as: "dataset.json")
        let changed = try Command.medseg("train", config, "--resume", run, "--quiet", "--set", "iterations=4")
        #expect(changed.status == 65 && changed.message.contains("ignore_label"), "\(changed.errors)")
    }

    /// Overlapping regions are learnt, predicted as channels of one file, and measured separately.
    @Test func regionsAreTrainedPredictedAndMeasured() throws {
        let regions = "regions: {outer: [3, 5, 7], ball: [7, 3]}\n"
        let softmax = try train(regions, classes: 2)
        #expect(softmax.status == 65 && softmax.message.contains("loss.sigmoid"), "\(softmax.errors)")
        // Masks are made from sigmoids, so a loss of raw outputs would train another network than predict uses.
        let raw = ["--set", "loss={name: dice, softmax: false}"]
        for refused in try [train(regions, classes: 2, raw), train("labels: {all: [3, 5, 7]}\n", classes: 1, raw)] {
            #expect(refused.status == 65 && refused.message.contains("set loss.sigmoid"), "\(refused.errors)")
        }
        let training = try train(regions, classes: 2, ["--set", "loss={name: dice_ce, sigmoid: true}"])
        #expect(training.status == 0, "\(training.errors)")
        // Refused before the folds are trained, not after it.
        let folds = try Command.medseg(
            "folds", data.folder.file("labels.yaml"), "--train", "--out", data.folder.file("folds"), "--set",
            "loss={name: dice_ce, sigmoid: true}")
        #expect(folds.status == 64 && folds.message.contains("regions may overlap"), "\(folds.errors)")
        let run = data.folder.file("run")
        let rows = try String(contentsOfFile: run + "/validation_classes.csv", encoding: .utf8).split(separator: "\n")
        #expect(rows[0] == "step,class,dice" && rows[1].hasPrefix("2,0,") && rows[2].hasPrefix("2,1,"))
        let resumed = try Command.medseg("train", "--resume", run, "--quiet")
        #expect(resumed.status == 0, "\(resumed.errors)")
        let out = data.folder.file("out")
        let prediction = try Command.medseg("predict", data.image(0), "--model", run + "/model", "--out", out)
        #expect(prediction.status == 0, "\(prediction.errors)")
        #expect(try ScanFile.layout(of: out + "/ct_0_mask.nii.gz").shape == [18, 16, 14, 2])
        let evaluation = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--cases", "ct_2", "--model", run + "/model", "-q", "--json")
        #expect(evaluation.status == 0, "\(evaluation.errors)")
        let document = try JSONDecoder().decode(ConfigValue.self, from: Data(evaluation.output.utf8))
        let classes = Self.classes(of: document)
        let ball = try ScanFile.readVolume(data.label(2)).volume.voxels.count { $0 == 3 || $0 == 7 }
        #expect(classes.map(\.name) == ["outer", "ball"])
        #expect(abs(classes[1].referenceML - Double(ball) * 0.0045) < 1e-3, "\(evaluation.output)")
        #expect(abs(classes[0].referenceML - classes[1].referenceML - 1.8) < 1e-3, "\(evaluation.output)")
    }

    /// Masks and reports with the label maps' own numbers; the metrics do not change.
    @Test func masksKeepTheNumbersOfLabelMaps() throws {
        let labels = "labels:\n  outer: 5\n  ball: [7, 3]\n"
        let (run, out) = (data.folder.file("run"), data.folder.file("out"))
        // Two balls, of which the second is smaller.
        let scan = (0..<SmallDataset.size.count).map { voxel -> Int16 in
            let (i, j, k) = (voxel / (16 * 14), voxel / 14 % 16, voxel % 14)
            let across = (j - 7) * (j - 7) + (k - 6) * (k - 6)
            let isBall = across + (i - 5) * (i - 5) < 16 || across + (i - 14) * (i - 14) < 9
            return Int16((isBall ? 150 : -60) + (i * 7 + j * 13 + k * 29) % 40)
        }
        try data.write(scan, as: "two/ct_0.nii.gz")
        let training = try train(labels + "keep_numbers: true\n", classes: 3, ["--set", "iterations=40"])
        #expect(training.status == 0, "\(training.errors)")
        #expect(try ConfigValue(jsonFile: run + "/model/model.json").members["keep_numbers"] == true)
        func predict(_ model: String, _ more: [String] = []) throws -> [Float] {
            let prediction = try Command.medseg(
                list: [
                    "predict", data.folder.file("two/ct_0.nii.gz"), "--model", model, "--out", out, "--report",
                    "--force",
                ] + more)
            #expect(prediction.status == 0, "\(prediction.errors)")
            return try ScanFile.readVolume(out + "/ct_0_mask.nii.gz").volume.voxels
        }
        let kept = try predict(run + "/model")
        let report = try String(contentsOfFile: out + "/ct_0_report.json", encoding: .utf8)
        #expect(report.contains("\"label\" : 5,") && report.contains("\"label\" : 7,"), "\(report)")
        // The same weights without the key write classes.
        let model = run + "/model/model.json"
        guard case .object(var entries) = try ConfigValue(jsonFile: model) else { return }
        entries["keep_numbers"] = nil
        try Data(ConfigValue.object(entries).jsonText().utf8).write(to: URL(fileURLWithPath: model))
        let classes = try predict(run + "/model")
        #expect(kept == classes.map { [0, 5, 7][Int($0)] } && Set(kept).count > 1)
        // A label is given by its number; only the larger of the two balls stays.
        var steps = PostProcessing()
        steps.keepLargest(of: [2])
        var largest = classes.map { UInt8($0) }
        _ = steps.apply(to: &largest, size: SmallDataset.size, voxelVolumeML: 0.0045)
        try #require(largest.map(Float.init) != classes, "the mask has only one ball")
        #expect(try predict(run + "/model", ["--largest-component-of", "2"]) == largest.map(Float.init))
        // A converted model folder keeps the key, and evaluation compares classes.
        entries["keep_numbers"] = true
        try Data(ConfigValue.object(entries).jsonText().utf8).write(to: URL(fileURLWithPath: model))
        let converted = data.folder.file("converted")
        #expect(try Command.medseg("convert", run + "/model", converted).status == 0)
        #expect(try predict(converted) == kept)
        let evaluation = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--cases", "ct_0", "--model", converted, "-q", "--json")
        let document = try JSONDecoder().decode(ConfigValue.self, from: Data(evaluation.output.utf8))
        #expect(Self.classes(of: document).map(\.name) == ["outer", "ball"], "\(evaluation.errors)")
        // A label is given by name; a wrong name is refused with a hint.
        let sifted = try predict(converted, ["--largest-component-of", "ball"])
        #expect(sifted == largest.map { [0, 5, 7][Int($0)] } && sifted != kept)
        let wrong = try Command.medseg(
            "predict", data.image(0), "--model", converted, "--out", out, "--force", "--largest-component-of", "bal")
        #expect(wrong.status == 64 && wrong.message.contains("did you mean ball?"), "\(wrong.errors)")
    }

    @Test(arguments: [
        ("labels: {\"1\": ball}\nkeep_numbers: true\n", "keep_numbers"),
        ("regions: {outer: [3, 5, 7], ball: [7, 3]}\nkeep_numbers: true\n", "regions_order gives the numbers"),
        ("labels: {outer: 5}\nregions_order: [1]\n", "regions_order"),
        ("regions: {outer: [3, 5, 7], ball: [7, 3]}\nregions_order: [1]\n", "2 different numbers"),
        ("regions: {outer: [3, 5, 7], ball: [7, 3]}\nregions_order: [1, 1]\n", "2 different numbers"),
        ("regions: {outer: [3, 5, 7], ball: [7, 3]}\nregions_order: [0, 300]\n", "from 1 to 254"),
        ("regions: {outer: [3, 5, 7], ball: [7, 3]}\nregions_order: [5, 9]\n", "'ball' the number 9"),
        ("regions: {outer: [3, 5, 7], ball: [7, 3]}\nregions_order: [7, 3]\n", "give one of [5]"),
        ("regions: {ball: [7, 3], outer: [3, 5, 7]}\nregions_order: [7, 5]\n", "paints 'outer' over all of 'ball'"),
    ])
    func numbersThatMeanNothingAreRefused(_ labels: String, _ words: String) throws {
        let outcome = try train(labels, classes: 2, ["--set", "loss={name: dice_ce, sigmoid: true}"])
        #expect(outcome.status == 65 && outcome.message.contains(words), "\(outcome.errors)")
    }

    /// `info`, probability files and `--largest-component-of` have the numbers of the mask's file, here 5 and 1.
    @Test func otherOutputsHaveTheNumbersOfTheMask() throws {
        let training = try train("labels:\n  outer: 5\n  ball: [1, 3, 7]\nkeep_numbers: true\n", classes: 3)
        #expect(training.status == 0, "\(training.errors)")
        let (model, out) = (data.folder.file("run/model"), data.folder.file("out"))
        let info = try Command.medseg("info", model)
        #expect(info.output.contains(" 5: outer") && info.output.contains(" 1: ball"), "\(info.output)")
        func predict(_ label: String) throws -> Command.Outcome {
            try Command.medseg(
                "predict", data.image(0), "--model", model, "--out", out, "--report", "--probabilities", "--force",
                "--largest-component-of", label)
        }
        // Class 2 is ball, whose number in the mask is 1.
        for (label, number) in [("1", 2), ("5", 1), ("ball", 2)] {
            let prediction = try predict(label)
            #expect(prediction.status == 0, "\(prediction.errors)")
            let options = try ConfigValue(jsonFile: out + "/ct_0_report.json").members["options"]
            #expect(options?.members["largest_component"] == ConfigValue.array([.int(number)]), "\(label)")
        }
        let maps = try FileManager.default.contentsOfDirectory(atPath: out).filter { $0.contains("probability") }
        #expect(maps.sorted() == ["ct_0_probability_1.nii.gz", "ct_0_probability_5.nii.gz"])
        let wrong = try predict("2")
        #expect(wrong.status == 64 && wrong.message.contains("the model has no 2"), "\(wrong.errors)")
    }

    /// Painted regions are one map, and its numbers are measured like those of a label map.
    @Test func regionsArePaintedInTheirOrder() throws {
        let regions = "regions: {outer: [3, 5, 7], ball: [7, 3]}\nregions_order: [5, 7]\n"
        let sigmoid = ["--set", "loss={name: dice_ce, sigmoid: true}", "--set", "iterations=40"]
        let training = try train(regions, classes: 2, sigmoid)
        #expect(training.status == 0, "\(training.errors)")
        let (run, out) = (data.folder.file("run"), data.folder.file("out"))
        #expect(try Command.medseg("train", "--resume", run, "--quiet").status == 0)
        let info = try Command.medseg("info", run + "/model")
        #expect(info.output.contains(" 5: outer") && info.output.contains(" 7: ball"), "\(info.output)")
        func predict(_ more: [String] = []) throws {
            let prediction = try Command.medseg(
                list: ["predict", data.image(0), "--model", run + "/model", "--out", out, "--force"] + more)
            #expect(prediction.status == 0, "\(prediction.errors)")
        }
        try predict(["--report", "--figure"])
        let painted = try ScanFile.readVolume(out + "/ct_0_mask.nii.gz").volume.voxels
        let report = try String(contentsOfFile: out + "/ct_0_report.json", encoding: .utf8)
        #expect(report.contains("\"name\" : \"outer\"") && report.contains("\"label\" : 5,"), "\(report)")
        func evaluate() throws -> [ConfigValue] {
            let evaluation = try Command.medseg(
                "evaluate", "--data", data.folder.path, "--cases", "ct_2", "--model", run + "/model", "-q", "--json")
            #expect(evaluation.status == 0, "\(evaluation.errors)")
            let document = try JSONDecoder().decode(ConfigValue.self, from: Data(evaluation.output.utf8))
            #expect(Self.classes(of: document).map(\.name) == ["outer", "ball"])
            guard case .array(let cases)? = document.members["cases"], let first = cases.first,
                case .array(let classes)? = first.members["classes"]
            else { return [] }
            return classes.map { $0.members["metrics"] ?? .null }
        }
        let measured = try evaluate()
        // Without the order, the same weights give a map for each region.
        let model = run + "/model/model.json"
        var entries = try ConfigValue(jsonFile: model).members
        #expect(entries["regions_order"] == [5, 7])
        entries["regions_order"] = nil
        try Data(ConfigValue.object(entries).jsonText().utf8).write(to: URL(fileURLWithPath: model))
        try predict()
        let maps = try ScanFile.readImage([out + "/ct_0_mask.nii.gz"]).image.channels
        #expect(maps.count == 2 && painted.contains(7))
        #expect(painted == zip(maps[0], maps[1]).map { $1 > 0 ? 7 : $0 > 0 ? 5 : 0 })
        // The ball is painted last. Therefore its map is the same.
        let apart = try evaluate()
        #expect(measured[1] == apart[1] && measured[1] != measured[0])
    }

    /// A share always sets a labelled case aside, whichever case is healthy.
    @Test func aHealthyCaseIsTrainedOnAndNotSetAside() throws {
        for healthy in 0..<3 {
            let other = try LabelCommandTests()
            try other.data.write(
                [Int16](repeating: 0, count: SmallDataset.size.count), as: "labelsTr/ct_\(healthy).nii.gz")
            let training = try other.train(
                "labels: {outer: 5, ball: [3, 7]}\n", classes: 3, ["--set", "validation=0.3"])
            #expect(training.status == 0, "\(training.errors)")
            let split = try ConfigValue(jsonFile: other.data.folder.file("run/split.json"))
            guard case .object(let lists) = split, case .array(let names)? = lists["validation"] else {
                Issue.record("\(split) lists no validation")
                continue
            }
            #expect(names.count == 1 && names != [.string("ct_\(healthy)")], "\(split)")
        }
    }

    /// The sum of the counts of a document's first class, or 0.
    private static func voxels(of document: ConfigValue) -> Int {
        guard case .array(let cases)? = document.members["cases"],
            case .array(let classes)? = cases.first?.members["classes"], let first = classes.first
        else { return 0 }
        let counts = (first.members["metrics"] ?? first).members["counts"]?.members ?? [:]
        return counts.values.reduce(0) { $0 + ($1.wholeNumber ?? 0) }
    }

    /// The classes of the first case of an evaluation.
    private static func classes(of document: ConfigValue) -> [(name: String, referenceML: Double)] {
        guard case .object(let entries) = document, case .array(let cases)? = entries["cases"],
            case .object(let first)? = cases.first, case .array(let classes)? = first["classes"]
        else { return [] }
        return classes.map { item in
            guard case .object(let members) = item, case .string(let name)? = members["name"] else { return ("", .nan) }
            let metrics: [String: ConfigValue] =
                if case .object(let inner)? = members["metrics"] { inner } else { members }
            return (name, metrics["reference_volume_ml"]?.number ?? .nan)
        }
    }
}

extension ConfigValue {
    /// The members of an object; empty for any other value.
    fileprivate var members: [String: ConfigValue] { if case .object(let members) = self { members } else { [:] } }
}
