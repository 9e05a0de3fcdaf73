internal import Foundation
public import SegCore
public import SegInference

/// The table of all scans of a folder, `report.csv`: one row per label of each scan.
public struct ScanTable {
    private static let header = CSVRow(["scan", "label", "name", "voxels", "volume_ml", "mean_intensity"])

    private let path: String
    private var rows: [CSVRow] = []

    /// Creates an empty table, or reads the table of an earlier prediction.
    /// - Throws: `DataError` if the file exists but is not such a table.
    public init(path: String) throws {
        self.path = path
        guard FileManager.default.fileExists(atPath: path) else { return }
        let data = try RegularFile.contents(of: path)
        let found = CSVRow.rows(of: String(decoding: data, as: UTF8.self))
        guard found.first?.cells == Self.header.cells, found.allSatisfy({ $0.cells.count == Self.header.cells.count })
        else {
            throw DataError(
                .badData, path,
                "is not a report.csv of medseg predict, therefore its rows cannot be kept; move it away")
        }
        rows = Array(found.dropFirst())
    }

    /// Adds scans and replaces their earlier rows.
    public mutating func add(_ reports: [ScanReport]) { add(reports.map { Scan(scan: $0.scan, labels: $0.labels) }) }

    /// Adds scans from the files of their reports and replaces their earlier rows.
    /// - Throws: `DataError` naming a file that is not the report of a scan.
    public mutating func add(reportFiles files: [String]) throws(DataError) {
        var scans: [Scan] = []
        for file in files {
            guard let scan = try? JSONDecoder().decode(Scan.self, from: RegularFile.contents(of: file)) else {
                throw DataError(.badData, file, "is not a report of a scan that medseg predict --report wrote")
            }
            scans.append(scan)
        }
        add(scans)
    }

    /// The part of a `ScanReport` that the table uses.
    private struct Scan: Decodable {
        let scan: String
        let labels: [ScanReport.Label]
    }

    private mutating func add(_ scans: [Scan]) {
        let names = Set(scans.map(\.scan))
        rows.removeAll { names.contains($0.cells[0]) }
        rows += scans.flatMap(Self.rows)
    }

    private static func rows(of scan: Scan) -> [CSVRow] {
        scan.labels.map { row in
            let mean = row.meanIntensity.map { String(format: "%.2f", $0) } ?? ""
            return CSVRow([
                scan.scan, "\(row.label)", row.name, "\(row.voxels)", row.volumeML.text(decimals: 4), mean,
            ])
        }
    }

    /// Writes the table as a whole file or not at all.
    /// - Throws: `DataError` naming the file.
    public func write() throws {
        try OutputFolder.write(([Self.header] + rows).map { $0.text + "\n" }.joined(), to: path)
    }
}
