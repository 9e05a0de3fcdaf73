import Foundation
import SegCore
import SegModels
import SegTestNeeds
import Testing

/// Real masks beside the package, if they exist.
private enum Raters {
    static let folder: String = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let shared =
            ProcessInfo.processInfo.environment["MEDSEG_SHARED"] ?? root.deletingLastPathComponent().path + "/shared"
        return shared + "/data"
    }()
    static let expected = folder + "/ct_spleen/torso_3mm/expected_metrics.json"
    static let areThere = FileManager.default.fileExists(atPath: expected)

    struct Document: Decodable {
        let files: [String: String]
        let pairs: [Pair]
    }
    struct Pair: Decodable {
        let pred: String
        let ref: String
        let dice: Double
        let iou: Double
        let hd: Double
        let hd95: Double
        let assd: Double
        let surface_dice_3mm: Double
    }
}

/// Measuring and comparing, with a user's commands.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct MetricsCommandTests {
    @Test(.enabled(if: Raters.areThere, "no shared data beside the package"))
    func ratersAgreeWithMONAI() throws {
        let expected = try JSONDecoder().decode(
            Raters.Document.self, from: Data(contentsOf: URL(fileURLWithPath: Raters.expected)))
        #expect(expected.pairs.count == 6)
        for pair in expected.pairs {
            let files = try [pair.pred, pair.ref].map { try #require(expected.files[$0]) }
            let outcome = try Command.medseg(
                "evaluate", "--prediction", "\(Raters.folder)/\(files[0])", "--reference",
                "\(Raters.folder)/\(files[1])", "--tolerance", "3", "--json")
            let metrics = try metrics(outcome.output)
            for (key, value) in [
                ("dice", pair.dice), ("iou", pair.iou), ("hausdorff_mm", pair.hd), ("hd95_mm", pair.hd95),
                ("average_surface_distance_mm", pair.assd), ("surface_dice", pair.surface_dice_3mm),
            ] {
                let ours = try #require(metrics[key]?.number)
                #expect(abs(ours - value) <= 1e-6, "\(pair.pred) \(pair.ref) \(key)")
            }
        }
    }

    /// The metrics of the first class of the first case.
    private func metrics(_ text: String) throws -> [String: ConfigValue] {
        let document = try JSONDecoder().decode(ConfigValue.self, from: Data(text.utf8))
        guard case .object(let entries) = document, case .array(let cases)? = entries["cases"],
            case .object(let first)? = cases.first, case .array(let classes)? = first["classes"],
            case .object(let row)? = classes.first, case .object(let metrics)? = row["metrics"]
        else { throw CocoaError(.fileReadCorruptFile) }
        return metrics
    }

    @Test func metricsAreWrittenDrawnAndCompared() throws {
        let data = try SmallDataset()
        let run = data.folder.file("run")
        #expect(try Command.medseg("train", data.config, "--out", run, "--quiet").status == 0)
        let files = ["a", "b"].map { data.folder.file("\($0).json") }
        let (csv, figures) = (data.folder.file("a.csv"), data.folder.file("figures"))
        let first = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--model", run + "/model", "--out", files[0], "--csv", csv,
            "--figures", figures, "-q", "--seed-compat")
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.output.contains("seed_compat ball: voxel_accuracy") && first.output.contains("95 % from"))
        let rows = try String(contentsOfFile: csv, encoding: .utf8).split(separator: "\n")
        #expect(
            rows.count == 4 && rows[0].hasPrefix("case,class,label,presence,dice") && rows[1].hasPrefix("ct_0,ball,1,"))
        #expect(first.errors.contains("2 of the 3 measured cases are training cases (ct_0, ct_1)"), "\(first.errors)")
        #expect(try String(contentsOfFile: files[0], encoding: .utf8).contains("\"training_cases\""))
        #expect(try FileManager.default.contentsOfDirectory(atPath: figures).count == 3)
        let again = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--model", run + "/model", "--out", files[0])
        #expect(again.status == 74, "an existing file is not overwritten")
        let second = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--model", run + "/last", "--out", files[1], "-q")
        #expect(second.status == 0, "\(second.errors)")
        #expect(!second.output.contains("seed_compat") && second.output.contains("95 % from"))

        let compared = try Command.medseg("compare", files[0], files[1])
        #expect(compared.status == 0 && compared.output.contains("ct_2"), "\(compared.errors)")
        let json = try Command.medseg("compare", files[0], files[0], "--json")
        #expect(json.output.contains("\"mean_difference\" : 0") && json.output.contains("\"wilcoxon_p\" : null"))
        let other = data.folder.file("c.json")
        _ = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--model", run + "/last", "--out", other, "-q", "--hd95", "medpy")
        let refused = try Command.medseg("compare", files[0], other)
        #expect(refused.status == 65 && refused.message.contains("medpy"), "\(refused.errors)")
        #expect(try Command.medseg("compare", files[0], data.config).status == 65)

        let out = data.folder.file("report")
        let report = try Command.medseg(
            "report", run, "--out", out, "--metrics", files[0], files[1], "--format", "svg")
        #expect(report.status == 0, "\(report.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: out).sorted() == ["curves.svg", "metrics.svg"])
        #expect(try Command.medseg("report", data.folder.path, "--out", out).status == 66)
        #expect(try Command.medseg("report", "--out", out).status == 64)
    }

    /// The masks of two folders are matched by case, with the file names of `predict` or nnU-Net.
    @Test func foldersOfMasksAreMeasuredCaseByCase() throws {
        let data = try SmallDataset()
        let manager = FileManager.default
        let (labels, same, shifted) = (
            data.folder.file("labelsTr"), data.folder.file("same"), data.folder.file("shifted")
        )
        for folder in [same, shifted] {
            try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        for index in 0..<3 {
            try manager.copyItem(atPath: data.label(index), toPath: "\(same)/ct_\(index)_0000_mask.nii.gz")
            // The ball of another case lies elsewhere.
            try manager.copyItem(atPath: data.label((index + 1) % 3), toPath: "\(shifted)/ct_\(index).nii.gz")
        }
        // A map beside masks does not count as a mask.
        try manager.copyItem(atPath: data.image(0), toPath: same + "/ct_0_probability_1.nii.gz")
        try manager.removeItem(atPath: shifted + "/ct_2.nii.gz")
        let whole = try Command.medseg("evaluate", "--prediction", same, "--reference", labels, "--json")
        #expect(whole.status == 0 && whole.errors.isEmpty, "\(whole.errors)")
        #expect(whole.output.components(separatedBy: "\"dice\" : 1,").count == 4, "\(whole.output)")
        #expect(whole.output.contains("\"name\" : \"ct_1\"") && !whole.output.contains("seed_compat"))
        let compared = try Command.medseg("compare", same, shifted, "--reference", labels)
        #expect(compared.status == 0 && compared.output.contains("ct_0") && compared.output.contains("left out"))
        #expect(compared.errors.contains("labelsTr/ct_2.nii.gz: The other folder has no mask"), "\(compared.errors)")
        for (arguments, words) in [
            (["compare", same, shifted], "give the folder of their labels with --reference"),
            (["compare", data.config, shifted, "--reference", labels], "is not a folder of masks"),
            (
                ["evaluate", "--prediction", same, "--reference", data.label(0)],
                "is a folder of masks, but the other is not"
            ),
            (["compare", same, shifted, "--reference", labels, "--tolerance=-1"], "--tolerance should be"),
            (
                ["compare", data.config, data.config, "--bootstrap-seed", "0"],
                "but --bootstrap-seed apply only to folders"
            ),
            (
                ["compare", data.config, data.config, "--tolerance", "2", "--hd95", "monai"],
                "--tolerance, --hd95 apply"
            ),
        ] {
            let refused = try Command.medseg(list: arguments)
            #expect(refused.status == 64 && refused.message.contains(words), "\(refused.errors)")
        }
        let other = data.folder.file("other")
        try manager.createDirectory(atPath: other, withIntermediateDirectories: true)
        try manager.copyItem(atPath: data.label(0), toPath: other + "/liver.nii.gz")
        let strangers = try Command.medseg("evaluate", "--prediction", other, "--reference", labels)
        #expect(strangers.status == 65 && strangers.message.contains("no case in common"), "\(strangers.errors)")
        try manager.copyItem(atPath: data.label(0), toPath: shifted + "/ct_0_0000.nii.gz")
        let twice = try Command.medseg("evaluate", "--prediction", shifted, "--reference", labels)
        #expect(twice.status == 65 && twice.message.contains("both belong to the case ct_0"), "\(twice.errors)")
    }

    @Test func aRunKeepsAJournalAndASyncWithoutServerSaysSo() throws {
        let data = try SmallDataset()
        let run = data.folder.file("run")
        // A port without a listener: the run must not be affected.
        let training = try Command.medseg(
            "train", data.config, "--out", run, "--set", "tracking.uri=http://127.0.0.1:9")
        #expect(training.status == 0, "\(training.errors)")
        #expect(training.errors.contains("medseg track sync http://127.0.0.1:9 \(run)"))
        let journal = try String(contentsOfFile: run + "/tracking/journal.jsonl", encoding: .utf8)
        let losses = journal.split(separator: "\n").filter { $0.contains("train/loss") }
        #expect(losses.count == 10 && journal.contains("\"path\":\"model/model.safetensors\""))
        let sync = try Command.medseg("track", "sync", "http://127.0.0.1:9", run)
        #expect(sync.status == 69 && sync.message.contains("start the server"), "\(sync.errors)")
        #expect(try Command.medseg("track", "sync", "http://127.0.0.1:9", data.folder.path).status == 66)
        #expect(try Command.medseg("track", "sync", "sqlite:///mlflow.db", run).status == 64)
        let misspelt = try Command.medseg(
            "train", data.config, "--out", data.folder.file("r"), "--set", "tracking.url=x")
        #expect(misspelt.status == 65 && misspelt.message.contains("uri"), "\(misspelt.errors)")
    }
}
