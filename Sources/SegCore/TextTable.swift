/// A text table for a terminal: the first two columns are left-aligned, the others right-aligned.
package struct TextTable {
    private var rows: [[String]] = []

    /// Creates a table with the names of its columns.
    package init(_ header: [String]) { rows = [header] }

    /// Adds a row; a line break in a cell becomes a space.
    package mutating func append(_ row: [String]) {
        rows.append(row.map { cell in String(cell.map { $0.isNewline ? " " : $0 }) })
    }

    /// The lines of the table, the header first.
    package var lines: [String] {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - text.count)
                line += column < 2 ? text + space + "  " : space + text + (column + 1 < row.count ? "  " : "")
            }
            return line
        }
    }
}
