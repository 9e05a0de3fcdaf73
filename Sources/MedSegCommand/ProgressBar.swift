import Foundation

/// A progress bar that redraws one line of a terminal; if the output is not a terminal, a line every few seconds.
struct ProgressBar {
    private let title: String
    private let isQuiet: Bool
    private let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
    private var lastDrawn = 0.0

    init(_ title: String, quiet: Bool) {
        self.title = title
        isQuiet = quiet
    }

    /// Shows a share from 0 to 1 with a remark such as the loss.
    mutating func show(_ share: Double, _ remark: String) {
        guard !isQuiet else { return }
        let now = Date.timeIntervalSinceReferenceDate
        if isTerminal {
            guard now - lastDrawn > 0.1 || share >= 1 else { return }
            lastDrawn = now
            let text = "\(percent(share))  \(remark)"
            let columns = Self.terminalColumns - 1
            // The bar gets the columns that the text leaves; longer text is cut, because a wrapped line cannot be
            // redrawn.
            let width = min(28, columns - title.count - text.count - 2)
            var line = "\(title) \(text)"
            if width >= 6 {
                let filled = Int(Double(width) * min(max(share, 0), 1))
                let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
                line = "\(title) \(bar) \(text)"
            }
            write("\r\(line.prefix(columns))\u{1B}[K")
        } else if now - lastDrawn > 5 {
            // A short task prints nothing.
            if lastDrawn > 0 { write("\(title) \(percent(share))  \(remark)\n") }
            lastDrawn = now
        }
    }

    private static var terminalColumns: Int {
        var size = winsize()
        let isKnown = ioctl(FileHandle.standardError.fileDescriptor, UInt(TIOCGWINSZ), &size) == 0
        return isKnown && size.ws_col > 20 ? Int(size.ws_col) : 80
    }

    /// Ends the line.
    func finish() {
        if !isQuiet && isTerminal { write("\n") }
    }

    /// Prints a line without disturbing the bar.
    func line(_ text: String) {
        guard !isQuiet else { return }
        write(isTerminal ? "\r\u{1B}[K\(text)\n" : text + "\n")
    }

    private func percent(_ share: Double) -> String { String(format: "%3.0f %%", min(max(share, 0), 1) * 100) }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// Formats seconds, such as `1 min 5 s`.
func duration(_ seconds: Double) -> String {
    if seconds < 10 { return String(format: "%.1f s", seconds) }
    let whole = Int(seconds.rounded())
    if whole >= 3600 { return "\(whole / 3600) h \(whole % 3600 / 60) min" }
    return whole >= 60 ? "\(whole / 60) min \(whole % 60) s" : "\(whole) s"
}
