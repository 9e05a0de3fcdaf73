import ArgumentParser
import Foundation
import SegCore
import SegReport
import SegStudy

/// `medseg report`.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Draws the curves of runs in one figure, and box plots of metrics over cases and models.",
        discussion: """
            Training loss and validation Dice are read from the run folders. Box plots are drawn from the files of \
            --metrics, written by `medseg evaluate --out`, one box per file, or from metrics.json in the run folders. \
            The names are those of the folders or files unless --names is given. Figures are readable in black and \
            white.
            """)

    @Argument(help: "Run folders.")
    var runs: [String] = []

    @Option(help: "The folder to write the figures to.")
    var out: String

    @Option(parsing: .upToNextOption, help: "Files of metrics to draw box plots from, one per model.")
    var metrics: [String] = []

    @Option(parsing: .upToNextOption, help: "Names of the runs, or of the files of --metrics, in their order.")
    var names: [String] = []

    @Option(help: "Write figures as png or svg.")
    var format = FigureFormat.png

    @Flag(help: "Write over existing figures.")
    var force = false

    func run() throws {
        guard !runs.isEmpty || !metrics.isEmpty else {
            throw UsageError("give run folders, or files of metrics with --metrics")
        }
        for named in [runs, metrics] where !named.isEmpty && !names.isEmpty && names.count != named.count {
            throw UsageError("--names should give \(named.count) names, not \(names.count)")
        }
        try OutputFolder.make(out)
        DurableFile.removeLeftovers(in: out)
        let runTitles = titles(runs)
        if !runs.isEmpty {
            let curves = try zip(runs, runTitles).map { try RunCurves(folder: $0, name: $1, note: note) }
            try write("curves") { file in
                try RunCurves.plot(
                    curves, title: "Training", subtitle: runs.count == 1 ? "1 run" : "\(runs.count) runs"
                )
                .write(to: file)
            }
        }
        let measured =
            metrics.isEmpty
            ? zip(runs.map { "\($0)/metrics.json" }, runTitles).filter { Self.isThere($0.0) }
            : Array(zip(metrics, titles(metrics)))
        guard !measured.isEmpty else { return }
        let documents = try measured.map { try MetricsDocument(file: $0.0) }
        for name in documents[0].classNames {
            let fileName = "metrics_\(name.replacing("/", with: "_"))"
            try write(documents[0].classNames.count > 1 ? fileName : "metrics") { file in
                try MetricsDocument.boxPlot(of: name, documents, titles: measured.map(\.1)).write(to: file)
            }
        }
    }

    private static func isThere(_ file: String) -> Bool { FileManager.default.fileExists(atPath: file) }

    /// The given names, or the shortest ends of the paths that differ from each other.
    private func titles(_ paths: [String]) -> [String] {
        guard names.isEmpty else { return names }
        let parts = paths.map { path in
            let path = path.hasSuffix(".json") ? path.dropLast(5) : path[...]
            return path.split(separator: "/").filter { $0 != "." }
        }
        let deepest = parts.map(\.count).max() ?? 1
        let ends = (1...max(deepest, 1)).lazy.map { length in
            parts.map { $0.suffix(length).joined(separator: "/") }
        }
        return ends.first { Set($0).count == $0.count } ?? paths
    }

    private func write(_ name: String, _ draw: (URL) throws -> Void) throws {
        let file = "\(out)/\(name).\(format.rawValue)"
        try OutputFolder.refuseExisting(file, force: force)
        try draw(URL(fileURLWithPath: file))
        print(file)
    }
}
