internal import Foundation
internal import SegCore

/// A table of a run folder that grows row by row.
package final class RunTable {
    /// The cells of the rows that were there and stay.
    package let kept: [[String]]
    private let file: GrowingFile

    /// Steps that a checkpoint says were recorded, and the rows that each has.
    package struct Expected {
        package var steps: Set<Int> = []
        package var rowsPerStep = 1
        /// The last step; rows beyond it are left out, for the run will repeat them.
        package var last = 0

        /// Nothing, as before the first step.
        package init() {}
    }

    /// Opens a table with the whole rows that it has up to the checkpoint's step.
    ///
    /// Damage before that step, as a power cut leaves it, is put aside in `PATH.damaged`.
    /// - Parameters:
    ///   - columns: Names of the columns. The first is the step; all hold numbers but `case`.
    ///   - note: Called with a sentence where rows are damaged or missing.
    /// - Throws: `DataError` where the file is there and cannot be read, or cannot be written.
    package init(_ path: String, columns: [String], expected: Expected, note: (String) -> Void) throws {
        let isWanted = expected.last > 0 && FileManager.default.fileExists(atPath: path)
        let text = isWanted ? try RegularFile.contents(of: path) : Data()
        let content = Content(String(decoding: text, as: UTF8.self), columns: columns, expected: expected)
        kept = content.rows.map(\.cells)
        let missing = content.missing(expected)
        // Text behind the last row is what a kill cut off, unless rows are missing there.
        let damaged = missing.isEmpty ? content.damagedWithin : content.damaged
        var faults: [String] = []
        if !damaged.isEmpty {
            let aside = try GrowingFile.putAside(Array(damaged.joined(separator: "\n").utf8), of: path)
            faults.append("damaged rows are put aside in \(aside)")
        }
        if let first = missing.first, let last = missing.last {
            faults.append(
                "\(missing.count) of \(expected.steps.count) steps up to the checkpoint are missing or not whole "
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
    /// A table's text, taken apart into the rows up to a checkpoint and lines that are none.
    private struct Content {
        private(set) var rows: [(step: Int, cells: [String])] = []
        /// Lines that are no rows, the text after the last line's end included.
        private(set) var damaged: [String] = []
        /// Those of them that stand before the last row.
        private(set) var damagedWithin: [String] = []

        init(_ text: String, columns: [String], expected: Expected) {
            // By bytes: a carriage return and a line feed are one character.
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
                // Steps behind the checkpoint come again.
                guard step <= expected.last else { continue }
                rowsOfStep = step == last ? rowsOfStep + 1 : 1
                rows.append((step, cells))
                damagedWithin = damaged
            }
            if !tail.isEmpty { damaged.append(String(tail)) }
        }

        /// The steps that have fewer rows than they should.
        func missing(_ expected: Expected) -> [Int] {
            var found: [Int: Int] = [:]
            for row in rows { found[row.step, default: 0] += 1 }
            return expected.steps.filter { found[$0, default: 0] < expected.rowsPerStep }.sorted()
        }

        /// The cells of a row that stands in lines; none where a quote is not closed.
        private static func cells(of lines: [Substring]) -> [String] {
            CSVRow.rows(of: lines.joined(separator: "\n") + "\n").first?.cells ?? []
        }

        /// The lines that belong to a row whose quoted cell has line ends.
        private static func continuation(of line: Substring, in rest: ArraySlice<Substring>) -> ArraySlice<Substring> {
            func isOpen(_ text: Substring) -> Bool {
                !text.utf8.count { $0 == UInt8(ascii: "\"") }.isMultiple(of: 2)
            }
            // No name has more line ends than this; a damaged quote should not swallow the table.
            guard isOpen(line), let end = rest.prefix(16).firstIndex(where: isOpen) else { return [] }
            return rest[...end]
        }

        private static func step(of cells: [String], _ columns: [String]) -> Int? {
            guard cells.count == columns.count else { return nil }
            // A case whose label vanished has no Dice.
            let areNumbers = zip(cells, columns).allSatisfy {
                $1 == "case" || ($1 == "dice" && $0.isEmpty) || Double($0) != nil
            }
            return areNumbers ? Int(cells[0]) : nil
        }
    }
}
