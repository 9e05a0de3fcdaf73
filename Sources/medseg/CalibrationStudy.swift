import Foundation
import SegInference
import SegMetrics
import SegReport

/// Whether probabilities are honest and uncertainties point at the errors, over the cases of an evaluation.
///
/// The probability is that of the foreground; an error is a voxel whose class is not the label's; only voxels that the
/// network saw count.
struct CalibrationStudy {
    private static let bins = 15
    private static let curvePoints = 100
    private static let quantities: [UncertainPrediction.Quantity] = [.entropy, .mutualInformation, .variance]

    private var diagram: ReliabilityDiagram
    private var rows: [(name: String, measured: [UncertainPrediction.Quantity: RiskCoverage])] = []

    init() throws { diagram = try ReliabilityDiagram(bins: Self.bins) }

    mutating func add(_ name: String, _ uncertain: UncertainPrediction, mask: [UInt8], truth: [UInt8]) throws {
        let validity = uncertain.validity()
        try diagram.add(probabilities: uncertain.map(.mean), truth: truth, validity: validity)
        let errors = zip(mask, truth).map { $0 != $1 }
        var measured: [UncertainPrediction.Quantity: RiskCoverage] = [:]
        for quantity in Self.quantities {
            measured[quantity] = try RiskCoverage(
                uncertainty: uncertain.map(quantity), errors: errors, validity: validity, points: Self.curvePoints)
        }
        rows.append((name, measured))
    }

    private func mean(_ quantity: UncertainPrediction.Quantity, _ value: (RiskCoverage) -> Double?) -> Double? {
        let values = rows.compactMap { $0.measured[quantity].flatMap(value) }
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    /// Means over the cases, a line for each uncertainty.
    var table: String {
        func text(_ value: Double?) -> String { value.map { String(format: "%.4g", $0) } ?? "–" }
        func cells(_ texts: [String]) -> String {
            texts.map { String(repeating: " ", count: max(1, 13 - $0.count)) + $0 }.joined()
        }
        var lines = [
            "calibration of the foreground probability: ECE \(text(diagram.expectedCalibrationError)), "
                + "largest bin's error \(text(diagram.maximumCalibrationError))",
            "uncertainty".padding(toLength: 20, withPad: " ", startingAt: 0)
                + cells(["AURC", "best AURC", "error AUROC", "correlation"]),
        ]
        for quantity in Self.quantities {
            let values = [
                mean(quantity) { $0.area }, mean(quantity) { $0.bestArea }, mean(quantity) { $0.errorDetection },
                mean(quantity) { $0.correlation },
            ]
            let name = quantity.rawValue.replacing("_", with: " ")
            lines.append(name.padding(toLength: 20, withPad: " ", startingAt: 0) + cells(values.map(text)))
        }
        return lines.joined(separator: "\n")
    }

    /// Everything, for programs.
    struct Document: Codable {
        struct Case: Codable {
            let name: String
            let uncertainty: [String: RiskCoverage]
        }
        let expectedCalibrationError: Double?
        let maximumCalibrationError: Double?
        let reliability: [ReliabilityDiagram.Bin]
        let cases: [Case]

        private enum CodingKeys: String, CodingKey {
            case reliability, cases
            case expectedCalibrationError = "expected_calibration_error"
            case maximumCalibrationError = "maximum_calibration_error"
        }
    }

    var document: Document {
        Document(
            expectedCalibrationError: diagram.expectedCalibrationError,
            maximumCalibrationError: diagram.maximumCalibrationError, reliability: diagram.bins,
            cases: rows.map { row in
                let named = row.measured.map { ($0.key.rawValue, $0.value) }
                return Document.Case(name: row.name, uncertainty: Dictionary(uniqueKeysWithValues: named))
            })
    }

    /// Draws the reliability diagram, and below it the risk–coverage curves, both from 0 to 1.
    func writeFigure(to path: String) throws {
        let measured = diagram.bins.compactMap { bin in
            bin.confidence.flatMap { confidence in bin.frequency.map { (x: confidence, y: $0) } }
        }
        var reliability = CurvePlot.Panel(
            yLabel: "share that is foreground",
            series: [
                .init(name: "measured", points: measured), .init(name: "honest", points: [(x: 0, y: 0), (x: 1, y: 1)]),
            ])
        reliability.including = [0, 1]
        let curves = Self.quantities.map { quantity in
            let points = (0..<Self.curvePoints).map { index in
                (
                    x: mean(quantity) { $0.curve[index].coverage } ?? .nan,
                    y: mean(quantity) { $0.curve[index].risk } ?? .nan
                )
            }
            return CurvePlot.Series(name: quantity.rawValue.replacing("_", with: " "), points: points)
        }
        var risk = CurvePlot.Panel(yLabel: "errors among the kept", series: curves)
        risk.including = [0]
        let error = diagram.expectedCalibrationError.map { String(format: "%.4f", $0) } ?? "–"
        try CurvePlot(
            title: "Calibration", subtitle: "expected calibration error \(error), \(rows.count) cases",
            xLabel: "above: predicted probability  ·  below: share of voxels kept, the most certain first",
            panels: [reliability, risk]
        ).write(to: URL(fileURLWithPath: path))
    }
}
