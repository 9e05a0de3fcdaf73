internal import Foundation
public import SegInference
public import SegMetrics
internal import SegReport

/// Measures over the cases of an evaluation whether probabilities are calibrated and whether uncertainties find the
/// errors.
///
/// The probability is the foreground probability. An error is a voxel whose predicted class differs from the label map's class.
/// Only voxels that the network processed count.
public struct CalibrationStudy {
    private static let bins = 15
    /// The coverages. The share of voxels that are set aside falls from 89 % to 1 in 100,000 in steps of equal ratio, and
    /// then to 0. Errors are few and among the least certain voxels, so equally wide steps would give one point for all of
    /// them.
    private static let coverages = (1...100).map { 1 - pow(10, -Double($0) / 20) } + [1]
    private static let quantities: [UncertainPrediction.Quantity] = [.entropy, .mutualInformation, .variance]

    private var diagram: ReliabilityDiagram
    private var rows: [(name: String, measured: [UncertainPrediction.Quantity: RiskCoverage])] = []

    /// Creates a study without cases.
    /// - Throws: `MetricsError` if `ReliabilityDiagram` refuses the number of bins.
    public init() throws { diagram = try ReliabilityDiagram(bins: Self.bins) }

    /// Adds a case.
    /// - Parameters:
    ///   - name: The name of the case.
    ///   - uncertain: The prediction.
    ///   - mask: The predicted class of every voxel of the scan.
    ///   - truth: The class of every voxel of the label map.
    ///   - ignored: Whether each voxel is ignored; nil if none is.
    /// - Throws: `MetricsError` if a mask does not have the scan's grid.
    public mutating func add(
        _ name: String, _ uncertain: UncertainPrediction, mask: [UInt8], truth: [UInt8], ignored: [Bool]?
    ) throws {
        var validity = uncertain.validity()
        if let ignored { validity = zip(validity, ignored).map { $1 ? 0 : $0 } }
        try diagram.add(probabilities: uncertain.map(.mean), truth: truth, validity: validity)
        let errors = zip(mask, truth).map { $0 != $1 }
        var measured: [UncertainPrediction.Quantity: RiskCoverage] = [:]
        for quantity in Self.quantities {
            measured[quantity] = try RiskCoverage(
                uncertainty: uncertain.map(quantity), errors: errors, validity: validity, coverages: Self.coverages)
        }
        rows.append((name, measured))
    }

    private func mean(_ quantity: UncertainPrediction.Quantity, _ value: (RiskCoverage) -> Double?) -> Double? {
        let values = rows.compactMap { $0.measured[quantity].flatMap(value) }
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    /// The means over the cases, one line per uncertainty.
    public var table: String {
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

    /// The whole study, for programs.
    public struct Document: Codable, Sendable {
        /// One case.
        public struct Case: Codable, Sendable {
            /// The case's name.
            public let name: String
            /// The risk–coverage curves of the case, keyed by the uncertainty that orders the voxels.
            public let uncertainty: [String: RiskCoverage]
        }
        /// The mean difference between probability and frequency over the voxels; nil without voxels.
        public let expectedCalibrationError: Double?
        /// The largest difference between probability and frequency in a bin; nil without voxels.
        public let maximumCalibrationError: Double?
        /// The bins of the reliability diagram.
        public let reliability: [ReliabilityDiagram.Bin]
        /// The cases, in the order in which they were added.
        public let cases: [Case]

        private enum CodingKeys: String, CodingKey {
            case reliability, cases
            case expectedCalibrationError = "expected_calibration_error"
            case maximumCalibrationError = "maximum_calibration_error"
        }
    }

    /// The study in the form of metrics.json.
    public var document: Document {
        Document(
            expectedCalibrationError: diagram.expectedCalibrationError,
            maximumCalibrationError: diagram.maximumCalibrationError, reliability: diagram.bins,
            cases: rows.map { row in
                let named = row.measured.map { ($0.key.rawValue, $0.value) }
                return Document.Case(name: row.name, uncertainty: Dictionary(uniqueKeysWithValues: named))
            })
    }

    /// Draws the reliability diagram, and below it the errors that remain when the least certain voxels are set aside.
    /// - Parameter path: A file that ends in `.png` or `.svg`.
    /// - Throws: `ReportError` if the file cannot be written.
    public func writeFigure(to path: String) throws {
        let error = diagram.expectedCalibrationError.map { String(format: "%.4f", $0) } ?? "–"
        try CurvePlot(
            title: "Calibration",
            subtitle: "expected calibration error \(error), over \(rows.count) case\(rows.count == 1 ? "" : "s")",
            xLabel: "", panels: [reliabilityPanel, riskPanel]
        ).write(to: URL(fileURLWithPath: path))
    }

    private var reliabilityPanel: CurvePlot.Panel {
        let measured = diagram.bins.compactMap { bin in
            bin.confidence.flatMap { confidence in bin.frequency.map { (x: confidence, y: $0) } }
        }
        var panel = CurvePlot.Panel(
            yLabel: "share that is foreground",
            series: [
                .init(name: "measured", points: measured),
                .init(name: "perfectly calibrated", points: [(x: 0, y: 0), (x: 1, y: 1)]),
            ])
        panel.including = [0, 1]
        panel.abscissa = .init(label: "predicted probability of foreground")
        return panel
    }

    private var riskPanel: CurvePlot.Panel {
        var curves = Self.quantities.map { quantity in
            let points = Self.coverages.indices.dropLast().map { index in
                (
                    x: mean(quantity) { 1 - $0.curve[index].coverage } ?? .nan,
                    y: mean(quantity) { $0.curve[index].risk } ?? .nan
                )
            }
            return CurvePlot.Series(name: quantity.rawValue.replacing("_", with: " "), points: points)
        }
        // The best possible curve: every wrong voxel is set aside before any correct voxel.
        let best = Self.coverages.dropLast().map { coverage in
            (
                x: 1 - coverage,
                y: mean(.entropy) { max(0, ($0.curve.last?.risk ?? 0) - (1 - coverage)) / coverage } ?? .nan
            )
        }
        curves.append(.init(name: "best possible", points: best))
        var panel = CurvePlot.Panel(yLabel: "share of errors among the remaining voxels", series: curves)
        panel.including = [0]
        panel.abscissa = .init(label: "share of voxels set aside, the least certain first", logarithmic: true)
        return panel
    }
}
