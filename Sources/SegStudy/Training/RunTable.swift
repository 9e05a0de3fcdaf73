internal import Foundation
internal import SegCore

/// A table of a run folder that grows row by row.
package final class RunTable {
    /// The cells of the existing rows that are kept.
    package let kept: [[String]]
    private let file: GrowingFile

    /// The steps that must be in a table according to the checkpoint, and the number of rows of each.
    package struct Expected {
        package var steps: Set<Int> = []
        package var rowsPerStep = 1
        /// The last step; rows beyond it are dropped, because the run repeats them.
        package var last = 0

        /// Creates an expectation of no steps, as before the first step.
        package init() {}
    }

    /// Opens a table and keeps its complete rows up to the checkpoint's step.
    ///
    /// Damaged lines before that step, as after a power cut, are moved to `PATH.damaged`.
    /// - Parameters:
    ///   - columns: The names of the columns. The first is the step; all except `case` contain numbers.
    ///   - note: Called with a sentence if rows are damaged or missing.
    /// - Throws: `DataError` if the file exists but cannot be read, or cannot be written.
    package init(_ path: String, columns: [String], expected: Expected, note: (String) -> Void) throws {
        let isWanted = expected.last > 0 && FileManager.default.fileExists(atPath: path)
        let text = isWanted ? try RegularFile.contents(of: path) : Data()
        let content = Content(String(decoding: text, as: UTF8.self), columns: columns, expected: expected)
        kept = content.rows.map(\.cells)
        let missing = content.missing(expected)
        // Text after the last row is the rest of a line that a kill cut off, unless rows are missing there.
        let damaged = missing.isEmpty ? content.damagedWithin : content.damaged
        var faults: [String] = []
        if !damaged.isEmpty {
            let aside = try GrowingFile.putAside(Array(damaged.joined(separator: "\n").utf8), of: path)
            faults.append("damaged rows are put aside in \(aside)")
        }
        if let first = missing.first, let last = missing.last {
            faults.append(
                "\(missing.count) of \(expected.steps.count) steps up to the checkpoint are missing or incomplete "
                    + "(the first is \(first), the last \(last))")
        }
        if !faults.isEmpty { note("\(path): \(faults.joined(separator: "; ")); the run goes on") }
        let rows = ([columns] + kept).map { CSVRow($0).text + "\n" }
        try OutputFolder.write(rows.joined(), to: path)
        file = try GrowingFile(path)
    }

    package func append(_ cells: [String]) throws { try file.append(CSVRow(cells).text.utf8) }

    /// Waits until every row is on the disk.
    package func sync() throws { try file.sync() }
}

extension RunTable {
    /// The text of a table, parsed into the rows up to a checkpoint and damaged lines.
    private struct Content {
        private(set) var rows: [(step: Int, cells: [String])] = []
        /// The lines that are not valid rows, including text after the last line end.
        private(set) var damaged: [String] = []
        /// The damaged lines before the last row.
        private(set) var damagedWithin: [String] = []

        init(_ text: String, columns: [String], expected: Expected) {
            // Splits bytes, because a carriage return with a line feed is one Character in Swift.
            var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                .map { Substring($0) }[...]
            let tail = lines.popLast() ?? ""
            if lines.first.map({ Self.cells(of: [$0]) }) == columns { lines.removeFirst() }
            var rowsOfStep = 0
            while let line = lines.popFirst() {
                let rest = Self.continuation(of: line, in: lines)
                let cells = Self.cells(of: [line] + rest)
                let last = rows.last?.step ?? 0
                guard let step = Self.step(of: cells, columns), step > last || rowsOfStep < expected.rowsPerStep,
                    step >= last
                else {
                    damaged.append(String(line))
                    continue
                }
                lines.removeFirst(rest.count)
                // Steps after the checkpoint are repeated.
                guard step <= expected.last else { continue }
                rowsOfStep = step == last ? rowsOfStep + 1 : 1
                rows.append((step, cells))
                damagedWithin = damaged
            }
            if !tail.isEmpty { damaged.append(String(tail)) }
        }

        /// The steps with fewer rows than expected.
        func missing(_ expected: Expected) -> [Int] {
            var found: [Int: Int] = [:]
            for row in rows { found[row.step, default: 0] += 1 }
            return expected.steps.filter { found[$0, default: 0] < expected.rowsPerStep }.sorted()
        }

        /// The cells of a row that spans lines; empty if a quote is not closed.
        private static func cells(of lines: [Substring]) -> [String] {
            CSVRow.rows(of: lines.joined(separator: "\n") + "\n").first?.cells ?? []
        }

        /// The further lines of a row whose quoted cell contains line ends.
        private static func continuation(of line: Substring, in rest: ArraySlice<Substring>) -> ArraySlice<Substring> {
            func isOpen(_ text: Substring) -> Bool {
                !text.utf8.count { $0 == UInt8(ascii: "\"") }.isMultiple(of: 2)
            }
            // No name has more line ends than this, and a damaged quote must not swallow the table.
            guard isOpen(line), let end = rest.prefix(16).firstIndex(where: isOpen) else { return [] }
            return rest[...end]
        }

        private static func step(of cells: [String], _ columns: [String]) -> Int? {
            guard cells.count == columns.count else { return nil }
            // A case whose label vanished on the network's grid has no Dice.
            let areNumbers = zip(cells, columns).allSatisfy {
                $1 == "case" || ($1 == "dice" && $0.isEmpty) || Double($0) != nil
            }
            return areNumbers ? Int(cells[0]) : nil
        }
    }
}
