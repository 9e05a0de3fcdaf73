import Foundation
import SegCore
import SegImaging
import SegInference
import SegStudy

/// Volume and mean intensity of every label of a scan, for programs; intensities are HU for a CT.
struct ScanReport {
    let name: String
    private let model: ModelDescription
    private let rows: [LabelStatistics]
    private let uncertain: UncertainPrediction?
    private let concerns: [Concern]

    init(name: String, scan: Volume, found: Segmentation, model: ModelDescription, concerns: [Concern]) {
        self.name = name
        self.model = model
        rows = LabelStatistics.measure(found.mask, classes: found.prediction.classes, on: scan)
        uncertain = found.uncertain
        self.concerns = concerns + found.concerns
    }

    private func className(_ label: UInt8) -> String { model.className(Int(label)) }

    /// `spleen 210.4 ml, liver 1502.0 ml`.
    var summary: String {
        rows.map { "\(className($0.label)) \($0.volumeML.text(decimals: 1)) ml" }.joined(separator: ", ")
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

    /// A row for each label, for the table of all scans.
    var tableRows: [CSVRow] {
        rows.map { row in
            let mean = row.meanIntensity.map { String(format: "%.2f", $0) } ?? ""
            return CSVRow([
                name, "\(row.label)", className(row.label), "\(row.voxels)", row.volumeML.text(decimals: 4), mean,
            ])
        }
    }
}

/// The table of all scans of a folder, `report.csv`.
struct ScanTable {
    private static let header = CSVRow(["scan", "label", "name", "voxels", "volume_ml", "mean_intensity"])

    let path: String
    private var rows: [CSVRow] = []

    /// An empty table, or what an earlier prediction wrote.
    /// - Throws: `DataError` where a file of the name is there that is no such table.
    init(path: String) throws {
        self.path = path
        guard FileManager.default.fileExists(atPath: path) else { return }
        let data = try RegularFile.contents(of: path)
        let found = CSVRow.rows(of: String(decoding: data, as: UTF8.self))
        guard found.first?.cells == Self.header.cells, found.allSatisfy({ $0.cells.count == Self.header.cells.count })
        else {
            throw DataError(
                .badData, path,
                "is not a report.csv that medseg predict wrote, so its rows cannot be kept; move it away")
        }
        rows = Array(found.dropFirst())
    }

    /// Takes in scans, in the place of what the table said of them.
    mutating func add(_ reports: [ScanReport]) {
        let names = Set(reports.map(\.name))
        rows.removeAll { names.contains($0.cells[0]) }
        rows += reports.flatMap(\.tableRows)
    }

    func write() throws {
        try OutputFolder.write(([Self.header] + rows).map { $0.text + "\n" }.joined(), to: path)
    }
}
