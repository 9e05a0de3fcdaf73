/// A row of a table of comma-separated cells, quoted as in RFC 4180.
package struct CSVRow {
    package let cells: [String]

    package init(_ cells: [String]) { self.cells = cells }

    /// The row without its line end.
    package var text: String { cells.map(Self.quoted).joined(separator: ",") }

    private static func quoted(_ cell: String) -> String {
        // Compares Unicode scalars: in Swift, a carriage return with a line feed is one Character, and so is a quote with a
        // combining mark.
        let needsQuotes = cell.unicodeScalars.contains { $0 == "," || $0 == "\"" || $0 == "\r" || $0 == "\n" }
        guard needsQuotes else { return cell }
        var text = String.UnicodeScalarView()
        for scalar in cell.unicodeScalars {
            if scalar == "\"" { text.append(scalar) }
            text.append(scalar)
        }
        return "\"" + String(text) + "\""
    }
}

extension CSVRow {
    /// The rows of a table that have a line end; a row that was cut off is left out. Quoted cells may contain line
    /// ends.
    package static func rows(of text: String) -> [CSVRow] {
        var reader = CSVReader()
        for scalar in text.unicodeScalars { reader.take(scalar) }
        return reader.rows
    }
}

/// Parses a table scalar by scalar.
private struct CSVReader {
    private(set) var rows: [CSVRow] = []
    private var cells: [String] = []
    private var cell = String.UnicodeScalarView()
    private var isQuoted = false
    private var previous: Unicode.Scalar?

    mutating func take(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\"":
            // A quote directly after a closing quote stands for a quote character.
            if !isQuoted, previous == "\"" { cell.append(scalar) }
            isQuoted.toggle()
        case "," where !isQuoted: endCell()
        case "\n" where !isQuoted:
            if previous == "\r" { cell.removeLast() }
            endCell()
            rows.append(CSVRow(cells))
            cells = []
        default: cell.append(scalar)
        }
        previous = scalar
    }

    private mutating func endCell() {
        cells.append(String(cell))
        cell = String.UnicodeScalarView()
    }
}
