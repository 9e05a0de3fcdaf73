internal import SegCore

/// What is wrong with an index, collected so that all of it is told at once.
struct IndexFaults {
    /// The index.
    let file: String
    private var faults: [(key: String?, message: String)] = []

    init(file: String) { self.file = file }

    /// Notes a fault.
    /// - Parameter key: Its place, such as `training[3].label`; nil where the whole index is meant.
    mutating func add(_ key: String?, _ message: String) { faults.append((key, message)) }

    /// - Throws: `DataError` naming every fault, or the first of many and their count.
    func finish() throws(DataError) {
        guard let first = faults.first else { return }
        guard faults.count > 1 else { throw DataError(.badData, file, key: first.key, first.message) }
        let texts = faults.map { fault in (fault.key.map { "\($0): " } ?? "") + fault.message }
        throw DataError(.badData, file, "has \(faults.count) faults: \(texts.shortList(separator: "; "))")
    }
}
