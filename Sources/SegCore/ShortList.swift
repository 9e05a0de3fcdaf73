extension [String] {
    /// The first five items on one line, and the number of the remaining items; for messages.
    package func shortList(separator: String = ", ") -> String {
        let shown = prefix(5).map { $0.beginning(160) }
        let rest = count - shown.count
        return shown.joined(separator: separator) + (rest > 0 ? "\(separator)and \(rest) more" : "")
    }
}

extension StringProtocol {
    /// The first Unicode scalars of the text, and an ellipsis if there are more; for messages. A single character may have
    /// any number of scalars.
    package func beginning(_ scalars: Int) -> String {
        let view = String(self).unicodeScalars
        let shown = String(String.UnicodeScalarView(view.prefix(scalars)))
        return view.dropFirst(scalars).isEmpty ? shown : shown + "…"
    }
}
