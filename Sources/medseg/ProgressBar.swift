import Foundation

/// A bar that redraws itself on a terminal, and a line now and then elsewhere.
struct ProgressBar {
    private let title: String
    private let isQuiet: Bool
    private let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
    private var lastDrawn = 0.0
    private var lastTenth = 0

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
            let width = 28
            let filled = Int(Double(width) * min(max(share, 0), 1))
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
            write("\r\(title) \(bar) \(percent(share))  \(remark)\u{1B}[K")
        } else if Int(share * 10) > lastTenth {
            lastTenth = Int(share * 10)
            write("\(title) \(percent(share))  \(remark)\n")
        }
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

/// `1 min 5 s`.
func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    if whole >= 3600 { return "\(whole / 3600) h \(whole % 3600 / 60) min" }
    return whole >= 60 ? "\(whole / 60) min \(whole % 60) s" : "\(whole) s"
}
