internal import Foundation
internal import SegCore
public import SegMetrics

/// The metrics of cases and classes and their summary, in the form of metrics.json.
public struct MetricsDocument: Codable, Sendable {
    /// One case.
    public struct Case: Codable, Sendable {
        /// The case's name.
        public let name: String
        /// The classes of the case, by label.
        public let classes: [Class]

        /// Creates a case with its classes.
        public init(name: String, classes: [Class]) {
            self.name = name
            self.classes = classes
        }
    }

    /// One class of a case.
    public struct Class: Codable, Sendable {
        /// The class's name.
        public let name: String
        /// The metrics of the class.
        public let metrics: SegmentationMetrics

        /// Creates a class with its metrics.
        public init(name: String, metrics: SegmentationMetrics) {
            self.name = name
            self.metrics = metrics
        }
    }

    /// The options of the measurement.
    public struct Options: Codable, Hashable, Sendable {
        /// The tolerance of the surface Dice in mm.
        public let surfaceDiceToleranceMM: Double
        /// The definition of the percentile Hausdorff distance.
        public let hd95Definition: HausdorffDefinition
        /// The sampling for the intervals of the means.
        public let bootstrap: Bootstrap

        /// Creates the options of a measurement.
        public init(surfaceDiceToleranceMM: Double, hd95Definition: HausdorffDefinition, bootstrap: Bootstrap) {
            self.surfaceDiceToleranceMM = surfaceDiceToleranceMM
            self.hd95Definition = hd95Definition
            self.bootstrap = bootstrap
        }

        fileprivate enum CodingKeys: String, CodingKey {
            case bootstrap
            case surfaceDiceToleranceMM = "surface_dice_tolerance_mm"
            case hd95Definition = "hd95_definition"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case options, cases, summary, calibration
        case emptyMasks = "empty_masks"
        case trainingCases = "training_cases"
    }

    /// The options of the measurement.
    public let options: Options
    /// The policy for empty masks, in words.
    public let emptyMasks: String
    /// The cases, in the order in which they were measured.
    public let cases: [Case]
    /// The summary over the cases, by the class's name.
    public let summary: [String: CohortSummary]
    /// The quality of the uncertainties; nil if none were measured.
    public let calibration: CalibrationStudy.Document?
    /// The measured cases that are training cases of the model; nil if the training cases are unknown.
    public let trainingCases: [String]?

    private static let emptyMaskPolicy =
        "A metric that an empty mask leaves undefined is null and left out of means; such cases are counted as missed "
        + "(prediction empty), spurious (reference empty) or both_empty. A missed or spurious mask has Dice, IoU and "
        + "surface Dice 0 and no distances; no empty mask scores 1."

    /// Creates a document and summarises its cases by class.
    /// - Parameters:
    ///   - hasSeedCompat: Whether the summaries contain `SeedCompat`.
    ///   - trainingCases: The cases that are training cases of the model; nil if the training cases are unknown.
    public init(
        cases: [Case], options: Options, calibration: CalibrationStudy.Document?, hasSeedCompat: Bool = false,
        trainingCases: [String]? = nil
    ) {
        self.trainingCases = trainingCases
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

    /// Reads a file that `json()` wrote.
    /// - Throws: `DataError` naming the file.
    public init(file: String) throws {
        let data = try RegularFile.contents(of: file)
        do {
            self = try JSONDecoder().decode(MetricsDocument.self, from: data)
        } catch {
            throw DataError(
                .badData, file, "does not contain metrics of `medseg evaluate --out`; measure again")
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

    /// The metrics as CSV, one row per case and class; undefined values are empty. The last columns of each row are the options
    /// that decide the surface Dice and HD95.
    public var csv: String {
        let metrics = Metric.allCases
        let volumeColumns = ["prediction_volume_ml", "reference_volume_ml"]
        let optionKeys: [Options.CodingKeys] = [.surfaceDiceToleranceMM, .hd95Definition]
        let settings = ["\(options.surfaceDiceToleranceMM)", options.hd95Definition.rawValue]
        var columns = ["case", "class", "label", "presence"]
        columns += metrics.map(\.rawValue) + volumeColumns + optionKeys.map(\.rawValue)
        var lines = [CSVRow(columns).text]
        for item in cases {
            for row in item.classes {
                let values = metrics.map { $0.value(of: row.metrics) }
                let volumes: [Double?] = [row.metrics.predictionVolumeML, row.metrics.referenceVolumeML]
                var cells = [item.name, row.name, "\(row.metrics.label)", row.metrics.presence.rawValue]
                cells += (values + volumes).map { value in value.map { "\($0)" } ?? "" }
                lines.append(CSVRow(cells + settings).text)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
