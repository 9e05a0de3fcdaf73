internal import Foundation
internal import SegCore
internal import SegInference
public import SegReport

/// The curves of a training run, from its run folder.
public struct RunCurves: Sendable {
    /// The name of the run in figures.
    public let name: String
    /// The loss by step.
    public let losses: [(x: Double, y: Double)]
    /// The mean validation Dice by step.
    public let dice: [(x: Double, y: Double)]
    /// The validation Dice of each class or region by step, with its name; empty if there is only one class.
    public let classes: [(name: String, points: [(x: Double, y: Double)])]

    /// Reads training.csv and, if they exist, validation.csv and validation_classes.csv.
    /// - Parameters:
    ///   - folder: The run folder.
    ///   - name: The name of the run in figures.
    ///   - note: Called with a sentence about each table that has damaged rows.
    /// - Throws: `DataError` naming the file.
    public init(folder: String, name: String, note: (String) -> Void) throws {
        self.name = name
        losses = try Self.points("\(folder)/training.csv", "step", "loss", note)
        let file = "\(folder)/validation.csv"
        dice = FileManager.default.fileExists(atPath: file) ? try Self.points(file, "step", "dice", note) : []
        classes = try Self.classes(of: folder, note)
    }

    /// Reads the Dice of each class; the names are those of the run's model.
    private static func classes(
        of folder: String, _ note: (String) -> Void
    ) throws -> [(name: String, points: [(x: Double, y: Double)])] {
        let file = "\(folder)/validation_classes.csv"
        guard FileManager.default.fileExists(atPath: file) else { return [] }
        let models = ["model", "last"].map { "\(folder)/\($0)/model.json" }
        let names = models.lazy.compactMap { try? ModelDescription(file: $0).labels }.first ?? [:]
        let numbers = Set(try points(file, "step", "class", note).map { Int($0.y) }).sorted()
        return try numbers.map { number in
            (names[number] ?? "class \(number)", try points(file, "step", "dice", of: ("class", "\(number)")))
        }
    }

    /// Two columns of a table. An incomplete last line is left out, because a run may be writing it; damaged rows are
    /// left out with a note.
    /// - Parameter part: A column, and the value that it has in the wanted rows; nil for all rows.
    private static func points(
        _ file: String, _ x: String, _ y: String, of part: (column: String, value: String)? = nil,
        _ note: (String) -> Void = { _ in }
    ) throws -> [(x: Double, y: Double)] {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw DataError(
                .noInput, file, "cannot be read; give a run folder that `medseg train --out` wrote")
        }
        var rows = CSVRow.rows(of: String(decoding: data, as: UTF8.self)).map(\.cells)
        let header = rows.first ?? []
        if let part, let place = header.firstIndex(of: part.column) {
            rows = [header] + rows.dropFirst().filter { $0.indices.contains(place) && $0[place] == part.value }
        }
        let places = try [x, y].map { column in
            guard let place = header.firstIndex(of: column) else {
                throw DataError(.badData, file, "has no column '\(column)'")
            }
            return place
        }
        let points = rows.dropFirst().compactMap { cells -> (x: Double, y: Double)? in
            guard cells.count == header.count, let x = Double(cells[places[0]]), let y = Double(cells[places[1]]) else {
                return nil
            }
            return (x, y)
        }
        // A validation without foreground has no Dice.
        let empty = rows.dropFirst().filter { $0.count == header.count && $0[places[1]].isEmpty }.count
        let damaged = rows.count - 1 - points.count - empty
        if damaged > 0 { note("\(file): \(damaged) of \(rows.count - 1) rows are damaged and left out") }
        return points
    }

    /// A plot of the loss and validation Dice of several runs; a run has the same colour, dash and marker in both
    /// panels. For a single run, the plot also has the Dice of each class.
    public static func plot(_ runs: [RunCurves], title: String, subtitle: String) -> CurvePlot {
        // The smoothing is the same for every run, because a shorter run would otherwise look noisier.
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
        if runs.count == 1, runs[0].classes.count > 1 {
            let series = runs[0].classes.enumerated().map { number, item in
                var series = CurvePlot.Series(name: item.name, points: item.points)
                series.style = number
                return series
            }
            panels.append(CurvePlot.Panel(yLabel: "Dice by class", series: series))
        }
        let smoothed = reach > 0 ? "  ·  loss: thin at each step, bold the mean over \(2 * reach + 1) steps" : ""
        return CurvePlot(title: title, subtitle: subtitle + smoothed, xLabel: "step", panels: panels)
    }
}
