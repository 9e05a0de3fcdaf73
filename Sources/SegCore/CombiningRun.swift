extension String {
    /// Whether more than `Limits.combiningRun` combining characters follow one another.
    ///
    /// No language needs so many. Comparing or hashing such a text takes time that grows with the square of the run,
    /// because Swift sorts the run each time.
    package var hasLongCombiningRun: Bool {
        // The first combining character, U+0300, begins with this byte in UTF-8.
        guard utf8.contains(where: { $0 >= 0xCC }) else { return false }
        var run = 0
        for scalar in unicodeScalars {
            guard scalar.value >= 0x300, scalar.properties.canonicalCombiningClass != .notReordered else {
                run = 0
                continue
            }
            run += 1
            if run > Limits.combiningRun { return true }
        }
        return false
    }
}
