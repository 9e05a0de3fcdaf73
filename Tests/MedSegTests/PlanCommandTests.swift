import Foundation
import SegCore
import SegImaging
import SegTestNeeds
import SegWeights
import Testing

/// `medseg plan` with a user's commands.
@Suite(.needs("A build of medseg") { Command.areBuilt }) struct PlanCommandTests {
    private let folder: ScratchFolder
    private let out: String

    init() throws {
        folder = try ScratchFolder()
        out = folder.file("out")
    }

    private static let description = #"""
        {"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 1}, "numTraining": 5, "file_ending": ".nii.gz"}
        """#

    private static let fingerprint = #"""
        {"spacings": [[1, 0.8, 0.8], [2, 0.7, 0.7], [1, 0.9, 0.9]],
         "shapes_after_crop": [[300, 512, 512], [150, 500, 500], [320, 512, 480]],
         "foreground_intensity_properties_per_channel": {"0": {"mean": 1, "median": 2, "std": 3, "min": -4, "max": 5,
          "percentile_00_5": -3, "percentile_99_5": 4}}, "median_relative_size_after_cropping": 1}
        """#

    /// Plans without a scan.
    private func plan(
        _ more: [String] = [], description: String = Self.description, fingerprint: String = Self.fingerprint
    ) throws -> Command.Outcome {
        let file = try folder.write(Array(fingerprint.utf8), as: "Dataset007_Organ/dataset_fingerprint.json")
        let labels = try folder.write(Array(description.utf8), as: "dataset.json")
        return try Command.medseg(
            list: ["plan", "--fingerprint", file, "--dataset-json", labels, "--out", out, "--quiet"] + more)
    }

    @Test func aFingerprintIsPlannedAndExplained() throws {
        let planned = try plan(["--why"])
        #expect(planned.status == 0, "\(planned.errors)")
        for word in [
            "Dataset007_Organ", "Spacing\n", "CT: clipped", "3d_fullres: patch", "3d_lowres: patch", "Batch: 2",
        ] {
            #expect(planned.output.contains(word), "\(word)")
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
        #expect(files == ["dataset.json", "dataset_fingerprint.json", "nnUNetPlans.json", "plans.json"])
        let plans = try ConfigValue(jsonFile: "\(out)/plans.json")
        #expect(try plans == ConfigValue(jsonFile: "\(out)/nnUNetPlans.json"))
        #expect(plans.description.contains(#""dataset_name": "Dataset007_Organ""#))
        let again = try plan()
        #expect(again.status == 74 && again.message.contains("exists already"), "\(again.message)")
        let large = try plan(["--force", "--planner", "resenc-l", "--name", "Dataset008_Other"])
        #expect(large.status == 0, "\(large.errors)")
        let other = try ConfigValue(jsonFile: "\(out)/nnUNetResEncUNetLPlans.json")
        #expect(other.description.contains("Dataset008_Other") && other.description.contains("ResidualEncoderUNet"))
    }

    /// A dataset of the Decathlon is no raw dataset, and a folder is no file of plans.
    @Test func otherInputsAreNamed() throws {
        let data = try SmallDataset()
        let planned = try Command.medseg("plan", data.folder.path, "--out", out)
        #expect(planned.status == 65 && planned.errors.contains("nnUNetv2_convert_MSD_dataset"), "\(planned.errors)")
        let training = try Command.medseg(
            "train", "--nnunet-plan", data.folder.path, "--data", data.folder.path, "--out", folder.file("run"))
        #expect(training.status == 64 && training.errors.contains("/plans.json"), "\(training.errors)")
    }

    /// One voxel of foreground in each scan, so that all draws are equal.
    @Test func scansAreMeasuredAndDealtIntoFolds() throws {
        let raw = try dataset()
        let planned = try Command.medseg("plan", raw, "--out", out, "--quiet")
        #expect(planned.status == 0, "\(planned.errors)")
        #expect(planned.output.contains("3d_fullres: patch 16 × 20 × 12"), "\(planned.output)")
        let found = try ConfigValue(jsonFile: "\(out)/dataset_fingerprint.json").description
        #expect(found.contains(#""shapes_after_crop": [[16, 18, 12]"#), "\(found)")
        #expect(found.contains(#""mean": 102"#), "\(found)")
        guard case .array(let folds) = try ConfigValue(jsonFile: "\(out)/splits_final.json") else {
            Issue.record("no list of folds")
            return
        }
        #expect(folds.count == 5)
        #expect(folds.allSatisfy { $0.description.contains(#""val": ["case_"#) })
    }

    /// The plan's network, patch and batch, two steps of training, and the same result if it was stopped after the
    /// first.
    @Test func plansAreTrainedBy() throws {
        let raw = try dataset()
        let fingerprint = Self.fingerprint.replacing("[2, 0.7, 0.7]", with: "[1, 1, 1]")
            .replacing("[1, 0.8, 0.8]", with: "[1, 1, 1]").replacing("[1, 0.9, 0.9]", with: "[1, 1, 1]")
            .replacing(
                "[300, 512, 512], [150, 500, 500], [320, 512, 480]", with: "[16, 18, 12], [16, 18, 12], [16, 18, 12]")
        #expect(try plan(fingerprint: fingerprint).status == 0)
        let arguments = ["train", "--nnunet-plan", "\(out)/plans.json", "--data", raw, "--fold", "0"]
        let shown = try Command.medseg(list: arguments + ["--print-config"])
        for line in ["roi_size: [16, 20, 12]", "volumes_per_batch: 2", "coarsest_head: false", "interval: 250"] {
            #expect(shown.output.contains(line), "\(line): \(shown.errors)")
        }
        // scikit-learn's first of five folds.
        #expect(shown.output.contains("validation: [case_0]"), "\(shown.output)")
        let changes = ["--set", "checkpoint_every=1", "--set", "validate_every=2", "--set", "cache=none", "--quiet"]
        func weights(_ run: String) throws -> [String: StoredTensor] {
            try Weights.read("\(run)/last/model.safetensors").tensors
        }
        let (whole, halved) = (folder.file("whole"), folder.file("halved"))
        let trained = try Command.medseg(list: arguments + changes + ["--out", whole, "--set", "iterations=2"])
        #expect(trained.status == 0, "\(trained.errors)")
        let first = try Command.medseg(list: arguments + changes + ["--out", halved, "--set", "iterations=1"])
        #expect(first.status == 0, "\(first.errors)")
        let rest = try Command.medseg("train", "--resume", halved, "--set", "iterations=2", "--quiet")
        #expect(rest.status == 0, "\(rest.errors)")
        // The learning rate changes per epoch, therefore both steps have the first one.
        #expect(try weights(whole).mapValues { $0.floats() } == weights(halved).mapValues { $0.floats() })
        let model = try ConfigValue(jsonFile: "\(whole)/last/model.json")
        #expect(try model == ConfigValue(jsonFile: "\(halved)/last/model.json"))
        #expect(model.description.contains("NNUNetExport"))
    }

    @Test(arguments: [
        (["--fold", "9"], "should be from 0 to 4, or all"), (["--fold", "first"], "should be a number or all"),
        (["--configuration", "3d_cascade_fullres"], "the second stage of a cascade cannot be trained"),
        (["--configuration", "4d"], "4d: is missing"), (["run.yaml"], "replaces a configuration"),
    ])
    func trainingsThatPlansDoNotAllowAreRefused(_ more: [String], _ message: String) throws {
        #expect(try plan().status == 0)
        let refused = try Command.medseg(
            list: ["train", "--nnunet-plan", "\(out)/plans.json", "--data", dataset(), "--out", folder.file("run")]
                + more)
        #expect(refused.status == 64 || refused.status == 65)
        #expect(refused.errors.contains(message), "\(refused.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("run")))
    }

    @Test func everythingInTheWayIsSaidAtOnce() throws {
        let description = #"""
            {"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 2}, "file_ending": ".png"}
            """#
        let refused = try plan(description: description)
        #expect(refused.status == 65)
        for word in ["labels", "numTraining", "'.png' is not supported"] {
            #expect(refused.message.contains(word), "\(refused.message)")
        }
        let broken = Self.fingerprint.replacing("[1, 0.8, 0.8]", with: "[1, 0, 0.8]").replacing(
            #""std": 3, "#, with: "")
        let unplanned = try plan(fingerprint: broken)
        #expect(unplanned.status == 65)
        #expect(unplanned.message.contains("spacings.0") && unplanned.message.contains("std"), "\(unplanned.message)")
        #expect(!FileManager.default.fileExists(atPath: out))
    }

    @Test func casesThatCannotBeMeasuredAreNamed() throws {
        let raw = try dataset()
        try FileManager.default.removeItem(atPath: "\(raw)/labelsTr/case_1.nii.gz")
        try FileManager.default.removeItem(atPath: "\(raw)/imagesTr/case_3_0000.nii.gz")
        let missing = try Command.medseg("plan", raw, "--out", out, "--quiet")
        #expect(missing.status == 65)
        #expect(missing.message.contains("numTraining: is 5, but there are 4"), "\(missing.message)")
        #expect(missing.message.contains("labelsTr/case_1.nii.gz: is missing"), "\(missing.message)")
        let strange = try dataset(label: 3)
        let refused = try Command.medseg("plan", strange, "--out", out, "--quiet")
        #expect(refused.status == 65 && refused.message.contains("holds 3.0"), "\(refused.message)")
        let empty = try dataset(label: 0)
        let without = try Command.medseg("plan", empty, "--out", out, "--quiet")
        #expect(without.status == 65 && without.message.contains("no case has a voxel"), "\(without.message)")
        #expect(!FileManager.default.fileExists(atPath: out))
    }

    @Test(arguments: [
        (["--planner", "largest"], "--planner should be one of default, resenc-m, resenc-l, resenc-xl"),
        (["--gpu-memory", "0"], "--gpu-memory should be above 0"),
        (["--gpu-memory", "0.000000001"], "too few for any patch"),
        (["somewhere"], "replace a dataset"),
    ])
    func argumentsThatMakeNoSenseAreRefused(_ more: [String], _ message: String) throws {
        let refused = try plan(more)
        #expect(refused.status == 64)
        #expect(refused.errors.contains(message), "\(refused.errors)")
        #expect(!FileManager.default.fileExists(atPath: out))
    }

    /// Five scans of a box of value 100 whose corner voxel is labelled and brighter.
    private func dataset(label: UInt8 = 1) throws -> String {
        let raw = folder.file("Dataset009_Small\(label)")
        try folder.write(Array(Self.description.utf8), as: "Dataset009_Small\(label)/dataset.json")
        for name in ["imagesTr", "labelsTr"] { try DurableFile.makeFolder("\(raw)/\(name)") }
        let size = Triple(14, 20, 18)
        for number in 0..<5 {
            var (scan, labels) = ([Float](repeating: 0, count: size.count), [UInt8](repeating: 0, count: size.count))
            for i in 1..<13 {
                for j in 1..<19 {
                    for k in 1..<17 { scan[(i * size.h + j) * size.w + k] = 100 }
                }
            }
            let corner = (size.h + 1) * size.w + 1
            (scan[corner], labels[corner]) = (Float(100 + number), label)
            try ScanFile.write(
                scan, size: size, affine: .identity, to: "\(raw)/imagesTr/case_\(number)_0000.nii.gz", overwrite: true)
            try ScanFile.write(
                labels, size: size, affine: .identity, to: "\(raw)/labelsTr/case_\(number).nii.gz", overwrite: true)
        }
        return raw
    }
}
