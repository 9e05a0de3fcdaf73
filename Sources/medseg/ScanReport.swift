import Foundation
import SegImaging
import SegInference

/// Volume and mean intensity of every label of a scan, for programs; intensities are HU for a CT.
struct ScanReport {
    private let name: String
    private let labels: [Int: String]
    private let rows: [LabelStatistics]
    private let uncertain: UncertainPrediction?
    private let concerns: [Concern]

    init(name: String, scan: Volume, found: Segmenter.Found, labels: [Int: String], concerns: [Concern]) {
        self.name = name
        self.labels = labels
        rows = LabelStatistics.measure(found.mask, classes: found.prediction.classes, on: scan)
        uncertain = found.uncertain
        self.concerns = concerns
    }

    private func className(_ label: UInt8) -> String { labels[Int(label)] ?? "class \(label)" }

    /// `spleen 210.4 ml, liver 1502.0 ml`.
    var summary: String {
        rows.map { String(format: "%@ %.1f ml", className($0.label), $0.volumeML) }.joined(separator: ", ")
    }

    func json() throws -> String {
        struct Label: Encodable {
            let name: String
            let statistics: LabelStatistics
        }
        struct Uncertainty: Encodable {
            let samples: Int
            let meanOverVoxels: [String: Double]
        }
        struct Document: Encodable {
            let scan: String
            let labels: [Label]
            let uncertainty: Uncertainty?
            let concerns: [Concern]
        }
        let document = Document(
            scan: name, labels: rows.map { Label(name: className($0.label), statistics: $0) },
            uncertainty: uncertain.map { uncertain in
                let means = UncertainPrediction.Quantity.allCases.map { ($0.rawValue, uncertain.average($0)) }
                return Uncertainty(
                    samples: uncertain.samples, meanOverVoxels: Dictionary(uniqueKeysWithValues: means))
            }, concerns: concerns)
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
    }

    /// One line for each label of each scan.
    static func csv(_ reports: [ScanReport]) -> String {
        let lines = reports.flatMap { report in
            report.rows.map { row in
                let mean = row.meanIntensity.map { String(format: "%.2f", $0) } ?? ""
                return CSVRow([
                    report.name, "\(row.label)", report.className(row.label), "\(row.voxels)",
                    String(format: "%.4f", row.volumeML), mean,
                ]).text
            }
        }
        return (["scan,label,name,voxels,volume_ml,mean_intensity"] + lines).joined(separator: "\n") + "\n"
    }
}
