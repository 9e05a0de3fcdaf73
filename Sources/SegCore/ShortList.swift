extension [String] {
    /// The first five items on one line, and the number of the remaining items; for messages.
    package func shortList(separator: String = ", ") -> String {
        let shown = prefix(5).map { $0.count > 160 ? $0.prefix(157) + "…" : $0 }
        let rest = count - shown.count
        return shown.joined(separator: separator) + (rest > 0 ? "\(separator)and \(rest) more" : "")
    }
}
