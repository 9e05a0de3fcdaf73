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
            "--figures", figures, "-q")
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.output.contains("seed_compat ball: voxel_accuracy") && first.output.contains("95 % from"))
        let rows = try String(contentsOfFile: csv, encoding: .utf8).split(separator: "\n")
        #expect(
            rows.count == 4 && rows[0].hasPrefix("case,class,label,presence,dice") && rows[1].hasPrefix("ct_0,ball,1,"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: figures).count == 3)
        let again = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--model", run + "/model", "--out", files[0])
        #expect(again.status == 74, "an existing file is not overwritten")
        let second = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--model", run + "/last", "--out", files[1], "-q")
        #expect(second.status == 0, "\(second.errors)")

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
