internal import Foundation
internal import SegCore
public import SegInference

/// The table of all scans of a folder, `report.csv`: a row for each label of each scan.
public struct ScanTable {
    private static let header = CSVRow(["scan", "label", "name", "voxels", "volume_ml", "mean_intensity"])

    private let path: String
    private var rows: [CSVRow] = []

    /// An empty table, or what an earlier prediction wrote.
    /// - Throws: `DataError` where a file of the name is there that is no such table.
    public init(path: String) throws {
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
    public mutating func add(_ reports: [ScanReport]) {
        let names = Set(reports.map(\.scan))
        rows.removeAll { names.contains($0.cells[0]) }
        rows += reports.flatMap(Self.rows)
    }

    private static func rows(of report: ScanReport) -> [CSVRow] {
        report.labels.map { row in
            let mean = row.meanIntensity.map { String(format: "%.2f", $0) } ?? ""
            return CSVRow([
                report.scan, "\(row.label)", row.name, "\(row.voxels)", row.volumeML.text(decimals: 4), mean,
            ])
        }
    }

    /// Writes the table as a whole file or not at all.
    /// - Throws: `DataError` naming the file.
    public func write() throws {
        try OutputFolder.write(([Self.header] + rows).map { $0.text + "\n" }.joined(), to: path)
    }
}
