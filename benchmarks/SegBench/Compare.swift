import ArgumentParser
import Foundation

/// `medseg-bench compare`: rows of MedSeg and of PyTorch as one table.
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts rows of ops, nets and infer beside PyTorch's rows, as Markdown.",
        discussion: """
            Rows are JSON objects, one per line, as printed by `--json` and peers/bench_pytorch.py. At each precision, a \
            row is compared with PyTorch's best memory layout, if both ran on the CPU or both on another device. A ratio \
            of 2 means that MedSeg is twice as fast at the row's precision.
            """)

    @Argument(help: "The file of rows.")
    var rows: String

    @Option(help: "The title of the table, such as the device and its driver.")
    var title = "results"

    @Option(help: "Write every row as one JSON list.")
    var jsonOut: String?

    private struct Row: Codable {
        var program: String
        var `case`: String
        var what: String
        var ms: Double
        var best_ms: Double
        var gflops: Double?
        var gbs: Double?
        var compute_share: Double?
        var copy_share: Double?
        var peak_mib: Int?
        var tensor_mib: Int?
        var device: String
        var precision: String
        var layout: String?
        var batch: Int?
    }

    func run() throws {
        guard let text = try? String(contentsOfFile: rows, encoding: .utf8) else {
            throw ValidationError("\(rows) cannot be read")
        }
        let decoder = JSONDecoder()
        let found = try text.split(separator: "\n").filter { $0.hasPrefix("{") }.map { line in
            do {
                return try decoder.decode(Row.self, from: Data(line.utf8))
            } catch {
                throw ValidationError("\(rows) has a row of neither medseg-bench nor a peer: \(line.prefix(80))")
            }
        }
        if let jsonOut {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(found).write(to: URL(fileURLWithPath: jsonOut), options: .atomic)
        }
        print("# \(title)\n")
        print(
            "| case | precision | MedSeg ms | GFLOP/s | of peak | GB/s | of copy | torch fp32 | tf32 | bf16 | ratio |")
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for row in found where row.program == "medseg" { print(line(row, found)) }
    }

    private func line(_ row: Row, _ all: [Row]) -> String {
        func number(_ value: Double?, _ format: String) -> String { value.map { String(format: format, $0) } ?? "" }
        let peers = all.filter {
            $0.program != "medseg" && $0.case == row.case && $0.what == row.what
                && ($0.device == "cpu") == (row.device == "cpu")
        }
        func best(_ precision: String) -> Double? { peers.filter { $0.precision == precision }.map(\.ms).min() }
        let cells =
            [
                "\(row.case), \(row.what.replacingOccurrences(of: "_", with: " "))", row.precision,
                number(row.ms, "%.3f"),
                number(row.gflops, "%.1f"), number(row.compute_share.map { $0 * 100 }, "%.1f%%"),
                number(row.gbs, "%.1f"), number(row.copy_share.map { $0 * 100 }, "%.1f%%"),
            ] + ["fp32", "tf32", "bf16"].map { number(best($0), "%.3f") }
            + [number(best(row.precision).map { $0 / row.ms }, "%.2f")]
        return "| " + cells.joined(separator: " | ") + " |"
    }
}
