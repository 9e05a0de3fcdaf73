internal import Foundation
internal import SegCore
public import SegMetrics

/// The metrics of cases and classes and their summary, as metrics.json holds them.
public struct MetricsDocument: Codable, Sendable {
    /// One case.
    public struct Case: Codable, Sendable {
        /// The case's name.
        public let name: String
        /// Its classes, by label.
        public let classes: [Class]

        /// A case with its classes.
        public init(name: String, classes: [Class]) {
            self.name = name
            self.classes = classes
        }
    }

    /// One class of a case.
    public struct Class: Codable, Sendable {
        /// The class's name.
        public let name: String
        /// Its metrics.
        public let metrics: SegmentationMetrics

        /// A class with its metrics.
        public init(name: String, metrics: SegmentationMetrics) {
            self.name = name
            self.metrics = metrics
        }
    }

    /// What the metrics were measured with.
    public struct Options: Codable, Hashable, Sendable {
        /// The tolerance of the surface Dice, mm.
        public let surfaceDiceToleranceMM: Double
        /// Whose percentile Hausdorff distance.
        public let hd95Definition: HausdorffDefinition
        /// How the intervals of the means were drawn.
        public let bootstrap: Bootstrap

        /// Options of a measurement.
        public init(surfaceDiceToleranceMM: Double, hd95Definition: HausdorffDefinition, bootstrap: Bootstrap) {
            self.surfaceDiceToleranceMM = surfaceDiceToleranceMM
            self.hd95Definition = hd95Definition
            self.bootstrap = bootstrap
        }

        private enum CodingKeys: String, CodingKey {
            case bootstrap
            case surfaceDiceToleranceMM = "surface_dice_tolerance_mm"
            case hd95Definition = "hd95_definition"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case options, cases, summary, calibration
        case emptyMasks = "empty_masks"
    }

    /// What the metrics were measured with.
    public let options: Options
    /// The policy for empty masks, in words.
    public let emptyMasks: String
    /// The cases, in the order in which they were measured.
    public let cases: [Case]
    /// The summary over the cases, by the class's name.
    public let summary: [String: CohortSummary]
    /// What the uncertainties are worth; nil where none were measured.
    public let calibration: CalibrationStudy.Document?

    private static let emptyMaskPolicy =
        "A metric that an empty mask leaves undefined is null and enters no mean; such cases are counted as missed "
        + "(prediction empty), spurious (reference empty) or both_empty. A missed or spurious mask has Dice, IoU and "
        + "surface Dice 0 and no distances; no empty mask scores 1."

    /// Summarises cases by class.
    /// - Parameter hasSeedCompat: Whether summaries have `SeedCompat` too.
    public init(
        cases: [Case], options: Options, calibration: CalibrationStudy.Document?, hasSeedCompat: Bool = false
    ) {
        self.calibration = calibration
        self.options = options
        self.cases = cases
        emptyMasks = Self.emptyMaskPolicy
        let classes = Dictionary(grouping: cases.flatMap(\.classes), by: \.name)
        summary = classes.mapValues { rows in
            var summary = CohortSummary(rows.map(\.metrics), bootstrap: options.bootstrap)
            if !hasSeedCompat { summary.seedCompat = nil }
            return summary
        }
    }

    /// Reads a file that `json()` gave.
    /// - Throws: `DataError` naming the file.
    public init(file: String) throws {
        let data = try RegularFile.contents(of: file)
        do {
            self = try JSONDecoder().decode(MetricsDocument.self, from: data)
        } catch {
            throw DataError(
                .badData, file, "does not hold metrics as `medseg evaluate --out` writes them; measure again")
        }
    }

    /// The names of the classes, by label.
    public var classNames: [String] {
        let names = cases.flatMap(\.classes).map { ($0.metrics.label, $0.name) }
        return Dictionary(names) { first, _ in first }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// The document as JSON text with sorted keys.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }

    /// A row for each case and class; what is undefined is empty.
    public var csv: String {
        let metrics = Metric.allCases
        let columns =
            ["case", "class", "label", "presence"] + metrics.map(\.rawValue)
            + ["prediction_volume_ml", "reference_volume_ml"]
        var lines = [CSVRow(columns).text]
        for item in cases {
            for row in item.classes {
                let values = metrics.map { $0.value(of: row.metrics) }
                let volumes: [Double?] = [row.metrics.predictionVolumeML, row.metrics.referenceVolumeML]
                let cells =
                    [item.name, row.name, "\(row.metrics.label)", row.metrics.presence.rawValue]
                    + (values + volumes).map { value in value.map { "\($0)" } ?? "" }
                lines.append(CSVRow(cells).text)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
