import Foundation
import SegCore
import SegModels
import SegReport

/// The curves that a training left in its run folder.
struct RunCurves {
    let name: String
    /// Loss by step.
    let losses: [(x: Double, y: Double)]
    /// Mean validation Dice by step.
    let dice: [(x: Double, y: Double)]

    /// Reads training.csv and, where it is there, validation.csv.
    /// - Throws: `DataError` naming the file.
    init(folder: String, name: String) throws {
        self.name = name
        let training = try Self.rows("\(folder)/training.csv", columns: ["step", "loss"])
        losses = try training.map { try Self.point($0[0], $0[1], "\(folder)/training.csv") }
        let file = "\(folder)/validation.csv"
        let validation =
            FileManager.default.fileExists(atPath: file)
            ? try Self.rows(file, columns: ["step", "dice"]) : []
        dice = try validation.map { try Self.point($0[0], $0[1], file) }
    }

    /// The wanted columns of a table; a last line that is not whole is left out, for a run may be writing it.
    private static func rows(_ file: String, columns: [String]) throws -> [[String]] {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw DataError(
                .noInput, file, "cannot be read; name a run folder that `medseg train --out` wrote")
        }
        let rows = CSVRow.rows(of: String(decoding: data, as: UTF8.self)).map(\.cells)
        let header = rows.first ?? []
        let places = try columns.map { column in
            guard let place = header.firstIndex(of: column) else {
                throw DataError(.badData, file, "has no column '\(column)'")
            }
            return place
        }
        return rows.dropFirst().filter { $0.count == header.count }
            .map { cells in places.map { cells[$0] } }
    }

    private static func point(_ x: String, _ y: String, _ file: String) throws -> (x: Double, y: Double) {
        guard let x = Double(x), let y = Double(y) else {
            throw DataError(.badData, file, "'\(x)' or '\(y)' is no number")
        }
        return (x, y)
    }

    /// Loss and validation Dice of several runs, a run by one colour, dash and marker in both.
    static func plot(_ runs: [RunCurves], title: String, subtitle: String) -> CurvePlot {
        // The same for every run, or a shorter one would seem noisier.
        let reach = min((runs.map(\.losses.count).max() ?? 0) / 50, 100)
        let losses = runs.enumerated().map { number, run in
            var series = CurvePlot.Series(name: run.name, points: run.losses)
            series.smoothing = reach
            series.style = number
            return series
        }
        var panels = [CurvePlot.Panel(yLabel: "training loss", series: losses)]
        let dice = runs.enumerated().filter { !$0.element.dice.isEmpty }.map { number, run in
            var series = CurvePlot.Series(name: run.name, points: run.dice)
            series.mark = .maximum
            series.style = number
            return series
        }
        if !dice.isEmpty { panels.append(CurvePlot.Panel(yLabel: "validation Dice", series: dice)) }
        let smoothed = reach > 0 ? "  ·  loss: thin at each step, bold the mean over \(2 * reach + 1) steps" : ""
        return CurvePlot(title: title, subtitle: subtitle + smoothed, xLabel: "step", panels: panels)
    }
}
