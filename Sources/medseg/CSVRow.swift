/// A line of a table of comma-separated cells, quoted as RFC 4180 wants it.
struct CSVRow {
    let cells: [String]

    init(_ cells: [String]) { self.cells = cells }

    /// Reads a line without its end.
    init(parsing line: some StringProtocol) {
        var cells: [String] = []
        var cell = ""
        var isQuoted = false
        var previous: Character?
        for character in line {
            if character == "\"" {
                // A quote that follows a quote's end stands for itself.
                if !isQuoted, previous == "\"" { cell.append(character) }
                isQuoted.toggle()
            } else if character == ",", !isQuoted {
                cells.append(cell)
                cell = ""
            } else {
                cell.append(character)
            }
            previous = character
        }
        self.cells = cells + [cell]
    }

    /// The line, without its end.
    var text: String { cells.map(Self.quoted).joined(separator: ",") }

    private static func quoted(_ cell: String) -> String {
        let needsQuotes = cell.contains { ",\"\r\n".contains($0) }
        return needsQuotes ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
    }
}
