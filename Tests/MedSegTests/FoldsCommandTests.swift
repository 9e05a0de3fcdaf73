import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import SegWeights
import Testing

/// `medseg folds`, and the files of a training run by plans for it and for nnU-Net, with a user's commands.
@Suite(.needs("A build of medseg") { Command.areBuilt }, .serialized) struct FoldsCommandTests {
    private let folder: ScratchFolder
    private let raw: String
    private let plans: String
    private static let size = Triple(14, 20, 18)
    private static let quick = [
        "--set", "validate_every=1", "--set", "checkpoint_every=1", "--set", "pseudo_dice.batches=1", "--set",
        "cache=none", "--quiet", "--device", "cpu",
    ]

    /// Five scans of two organs, and plans for them that were made without a scan.
    init() throws {
        folder = try ScratchFolder()
        raw = folder.file("Dataset009_Small")
        let description = #"""
            {"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 1, "other": 2}, "numTraining": 5,
             "file_ending": ".nii.gz"}
            """#
        try folder.write(Array(description.utf8), as: "Dataset009_Small/dataset.json")
        for name in ["imagesTr", "labelsTr"] { try DurableFile.makeFolder("\(raw)/\(name)") }
        for number in 0..<5 {
            var (scan, labels) = ([Float](), [UInt8]())
            for i in 0..<Self.size.d {
                for j in 0..<Self.size.h {
                    for k in 0..<Self.size.w {
                        let first = (i - 6) * (i - 6) + (j - 6 - number % 2) * (j - 6 - number % 2) + (k - 6) * (k - 6)
                        let second = (i - 8) * (i - 8) + (j - 15) * (j - 15) + (k - 12) * (k - 12)
                        let label: UInt8 = first < 12 ? 1 : second < 7 ? 2 : 0
                        scan.append(Float(10 + 90 * Int(label) + (i * 7 + j * 13 + k * 29 + number) % 40))
                        labels.append(label)
                    }
                }
            }
            try ScanFile.write(
                scan, size: Self.size, affine: .identity, to: "\(raw)/imagesTr/case_\(number)_0000.nii.gz")
            try ScanFile.write(labels, size: Self.size, affine: .identity, to: "\(raw)/labelsTr/case_\(number).nii.gz")
        }
        let fingerprint = #"""
            {"spacings": [[1, 1, 1], [1, 1, 1], [1, 1, 1]], "shapes_after_crop": [[18, 20, 14], [18, 20, 14], [18, 20, 14]],
             "foreground_intensity_properties_per_channel": {"0": {"mean": 120, "median": 120, "std": 40, "min": 0, "max": 250,
              "percentile_00_5": 0, "percentile_99_5": 240}}, "median_relative_size_after_cropping": 1}
            """#
        let file = try folder.write(Array(fingerprint.utf8), as: "Dataset009_Small/dataset_fingerprint.json")
        let planned = try Command.medseg(
            "plan", "--fingerprint", file, "--dataset-json", "\(raw)/dataset.json", "--out", folder.file("plans"),
            "--quiet")
        #expect(planned.status == 0, "\(planned.errors)")
        plans = folder.file("plans/plans.json")
        // Fewer channels, for speed.
        let text = try String(contentsOfFile: plans, encoding: .utf8)
        let narrow = text.replacing(/"features_per_stage" ?: ?\[[^\]]*\]/) { match in
            let stages = match.output.split(separator: ",").count
            return "\"features_per_stage\": [\((0..<stages).map { "\(min(4 << $0, 8))" }.joined(separator: ", "))]"
        }
        try Data(narrow.utf8).write(to: URL(fileURLWithPath: plans))
    }

    private func train(_ fold: Int, _ more: String..., iterations: Int = 2) throws -> Command.Outcome {
        try Command.medseg(
            list: [
                "train", "--nnunet-plan", plans, "--data", raw, "--fold", "\(fold)", "--out",
                folder.file("runs/fold_\(fold)"),
                "--set", "iterations=\(iterations)",
            ] + Self.quick + more)
    }

    private func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder.file(name)) }
    private func bytes(_ name: String) -> Data? { FileManager.default.contents(atPath: folder.file(name)) }

    @Test func fiveFoldsBecomeOneModel() throws {
        let arguments =
            [
                "folds", plans, "--train", "--data", raw, "--out", folder.file("out"), "--set", "iterations=2",
                "--export-nnunet",
                folder.file("results"),
            ] + Self.quick
        let pooled = try Command.medseg(list: arguments)
        #expect(pooled.status == 0, "\(pooled.errors)")
        #expect(pooled.output.contains("5 cases of"), "\(pooled.output)")
        #expect(pooled.output.contains("| 3d_fullres | organ | 5 |"), "\(pooled.output)")
        for name in [
            "summary.md", "summary.json", "postprocessing.json", "3d_fullres/metrics.json", "3d_fullres/summary.json",
            "figures/curves.png", "figures/metrics_organ.png", "model/model_fold4.safetensors",
            "3d_fullres/fold_3/validation/summary.json",
        ] { #expect(isThere("out/\(name)"), "\(name)") }
        let model = try ConfigValue(jsonFile: folder.file("out/model/model.json")).description
        #expect(model.contains(#""folds": 5"#), "\(model)")
        guard case .object(let summary) = try ConfigValue(jsonFile: folder.file("out/3d_fullres/summary.json")),
            case .array(let cases)? = summary["metric_per_case"]
        else {
            Issue.record("no summary")
            return
        }
        #expect(summary.keys.sorted() == ["foreground_mean", "mean", "metric_per_case"] && cases.count == 5)

        // The second time nothing is trained or predicted again.
        let mask = "out/3d_fullres/fold_2/validation/case_\(try setAside(2)).nii.gz"
        let (checkpoint, before) = (try modified("out/3d_fullres/fold_2/checkpoint.safetensors"), try modified(mask))
        let again = try Command.medseg(list: arguments)
        #expect(again.status == 0 && again.output == pooled.output, "\(again.errors)")
        #expect(try modified(mask) == before)
        #expect(try modified("out/3d_fullres/fold_2/checkpoint.safetensors") == checkpoint)

        // nnU-Net's folder has the same folds.
        let scan = "\(raw)/imagesTr/case_0_0000.nii.gz"
        let theirs = "\(folder.file("results"))/Dataset009_Small/nnUNetTrainer_1epoch__nnUNetPlans__3d_fullres"
        let exported = try Command.medseg("predict", scan, "--nnunet", theirs, "--out", folder.file("b"), "--quiet")
        #expect(exported.status == 0, "\(exported.errors)")
        var plain = try String(contentsOfFile: folder.file("out/model/model.json"), encoding: .utf8)
        plain = plain.replacing(/,\s*\{\s*"_target_" : "NNUNetKeepLargest"[^}]*\}/, with: "")
        try Data(plain.utf8).write(to: URL(fileURLWithPath: folder.file("out/model/model.json")))
        let own = try Command.medseg(
            "predict", scan, "--model", folder.file("out/model"), "--out", folder.file("a"), "--quiet")
        #expect(own.status == 0, "\(own.errors)")
        #expect(
            try ScanFile.readVolume(folder.file("a/case_0_0000_mask.nii.gz")).volume.voxels
                == ScanFile.readVolume(folder.file("b/case_0_mask.nii.gz")).volume.voxels)

        // A training run can start from a checkpoint in the form that nnU-Net saves.
        let begun = try Command.medseg(
            list: [
                "train", "--nnunet-plan", plans, "--data", raw, "--out", folder.file("begun"), "--set", "iterations=1",
                "--set",
                "init_from=\(theirs)/fold_1/checkpoint_final.pth",
            ] + Self.quick.filter { $0 != "--quiet" })
        #expect(begun.status == 0 && begun.errors.contains("the segmentation layers keep random"), "\(begun.errors)")
    }

    /// The number of a fold's validation case.
    private func setAside(_ fold: Int) throws -> Int {
        let split = try String(contentsOfFile: folder.file("out/3d_fullres/fold_\(fold)/split.json"), encoding: .utf8)
        let match = try #require(split.firstMatch(of: /"validation"[^\]]*case_(\d)/))
        return try #require(Int(match.1))
    }

    private func modified(_ name: String) throws -> Date? {
        try FileManager.default.attributesOfItem(atPath: folder.file(name))[.modificationDate] as? Date
    }

    @Test func whatIsMissingOfAHalfFinishedSetIsSaid() throws {
        #expect(try train(0).status == 0)
        #expect(isThere("runs/fold_0/validation/summary.json") && isThere("runs/fold_0/nnunet/plans.json"))
        let run = folder.file("runs/fold_1")
        let process = try Command.start(
            ["train", "--nnunet-plan", plans, "--data", raw, "--fold", "1", "--out", run, "--set", "iterations=100000"]
                + Self.quick)
        while process.isRunning, (bytes("runs/fold_1/validation.csv")?.count ?? 0) < 40 { usleep(500) }
        #expect(process.isRunning)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let pooled = try Command.medseg(
            "folds", folder.file("runs/fold_0"), run, folder.file("runs/fold_2"), "--out", folder.file("out"), "--quiet"
        )
        #expect(pooled.status == 65)
        for word in [
            "4 problems", "fold_1: was cut off after step", "medseg train --resume \(run)",
            "fold_2: is not a run folder", "no fold sets aside",
        ] { #expect(pooled.message.contains(word), "\(word): \(pooled.message)") }
        #expect(!isThere("out"))
    }

    @Test func runsThatDoNotBelongTogetherAreRefused() throws {
        #expect(try train(0).status == 0)
        let other = folder.file("other")
        let narrow = try Command.medseg(
            list: [
                "train", "--nnunet-plan", plans, "--data", raw, "--fold", "0", "--out", other, "--set", "iterations=1",
            ] + Self.quick)
        #expect(narrow.status == 0, "\(narrow.errors)")
        let own = folder.file("runs/fold_0")
        let twice = try Command.medseg("folds", own, own, other, "--out", folder.file("out"), "--quiet")
        #expect(twice.status == 65)
        for word in ["is given 2 times", "several folds set aside case_0", "no fold sets aside"] {
            #expect(twice.message.contains(word), "\(word): \(twice.message)")
        }
        // A dataset with another voxel is another dataset.
        let copy = folder.file("Dataset010_Copy")
        try FileManager.default.copyItem(atPath: raw, toPath: copy)
        try ScanFile.write(
            [Float](repeating: 1, count: Self.size.count), size: Self.size, affine: .identity,
            to: "\(copy)/imagesTr/case_4_0000.nii.gz", overwrite: true)
        let moved = try Command.medseg(
            list: [
                "train", "--nnunet-plan", plans, "--data", copy, "--fold", "1", "--out", folder.file("moved"), "--set",
                "iterations=1",
            ]
                + Self.quick)
        #expect(moved.status == 0, "\(moved.errors)")
        let mixed = try Command.medseg("folds", own, folder.file("moved"), "--out", folder.file("out"), "--quiet")
        #expect(mixed.message.contains("was trained on other data than \(own): case_4 differ"), "\(mixed.message)")
    }

    @Test(arguments: [
        (["--train"], "give it with --data"), (["more", "--train"], "--train needs one argument"),
        (["--configuration", "2d"], "they need --train"), (["--bootstrap", "0"], "--bootstrap should be from 1"),
    ])
    func argumentsThatMakeNoSenseAreRefused(_ more: [String], _ message: String) throws {
        let refused = try Command.medseg(list: ["folds", plans, "--out", folder.file("out")] + more)
        #expect(refused.status == 64 && refused.errors.contains(message), "\(refused.errors)")
        #expect(!isThere("out"))
    }

    @Test func onlyTrainingsByPlansAreWrittenForNNUNet() throws {
        let data = try SmallDataset()
        let refused = try Command.medseg(
            "train", data.config, "--out", folder.file("run"), "--export-nnunet", folder.file("results"), "--quiet")
        #expect(refused.status == 64 && refused.errors.contains("train with --nnunet-plan"), "\(refused.errors)")
        let changed = try train(0, "--set", "roi_size=[16,16,12]", "--export-nnunet", folder.file("results"))
        #expect(changed.status == 64, "\(changed.errors)")
        #expect(changed.message.contains("roi_size is not as in the plans"), "\(changed.message)")
        #expect(!isThere("results") && !isThere("runs/fold_0"))
        for change in ["optimizer.learning_rate=0.02", "iterations=300"] {
            let other = try train(0, "--set", change, "--export-nnunet", folder.file("results"))
            #expect(other.status == 64 && !isThere("runs/fold_0"), "\(other.errors)")
        }
    }

    /// A fold of another run, and a training run without validation cases.
    @Test func anExportWritesOverNothingOfAnothers() throws {
        let results = folder.file("results")
        func all(_ run: String) throws -> Command.Outcome {
            try Command.medseg(
                list: [
                    "train", "--nnunet-plan", plans, "--data", raw, "--fold", "all", "--out", folder.file(run), "--set",
                    "iterations=1", "--set", "cache=none", "--export-nnunet", results, "--quiet", "--device", "cpu",
                ])
        }
        let first = try all("a")
        #expect(first.status == 0, "\(first.errors)")
        let file =
            "results/Dataset009_Small/nnUNetTrainer_1epoch__nnUNetPlans__3d_fullres/fold_all/checkpoint_final.pth"
        let before = try #require(bytes(file))
        let second = try all("b")
        #expect(second.status != 0 && second.message.contains("was not written by this run"), "\(second.errors)")
        #expect(bytes(file) == before && !isThere("b"))
    }

    /// The folds of a YAML configuration, and the requirements of a stopped one.
    @Test func foldsOfAConfigurationAreTrained() throws {
        let yaml = SmallDataset.yaml.replacing("data: .", with: "data: \(raw)")
            .replacing("out_channels: 2", with: "out_channels: 3").replacing("iterations: 10", with: "iterations: 2")
            .replacing("[12, 12, 12]", with: "[8, 8, 8]").replacing(
                "crop_foreground: true", with: "crop_foreground: false"
            )
            .replacing("{a_min: -100, a_max: 200, clip: true}", with: "{name: fingerprint}")
        let file = try folder.write(Array(yaml.utf8), as: "small.yaml")
        let arguments = [
            "folds", file, "--train", "--out", folder.file("out"), "--set", "cache=none", "--quiet", "--device", "cpu",
        ]
        let pooled = try Command.medseg(list: arguments)
        #expect(pooled.status == 0, "\(pooled.errors)")
        #expect(isThere("out/small/fold_4/last/model.json") && isThere("out/model/model_fold4.safetensors"))
        // One fingerprint of all cases, because the folds share a model folder.
        func preprocessing(_ model: String) throws -> ConfigValue? {
            guard case .object(let entries) = try ConfigValue(jsonFile: folder.file("out/\(model)/model.json")) else {
                return nil
            }
            return entries["preprocessing"]
        }
        let shared = try preprocessing("model")
        #expect(shared?.description.contains("percentile_99_5") == true)
        #expect(try (0..<5).allSatisfy { try preprocessing("small/fold_\($0)/last") == shared })
        // Existing folds of another configuration are refused.
        let longer = try Command.medseg(list: arguments + ["--set", "iterations=3"])
        #expect(longer.status == 65, "\(longer.errors)")
        for word in ["5 problems", "iterations was 2 and is 3"] {
            #expect(longer.message.contains(word), "\(longer.message)")
        }
        // A missing fold is trained from scratch.
        try FileManager.default.removeItem(atPath: folder.file("out/small/fold_3"))
        let again = try Command.medseg(list: arguments)
        #expect(again.status == 0 && again.output == pooled.output, "\(again.errors)")
    }
}
