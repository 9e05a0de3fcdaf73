internal import SegCore

/// The faults of an index, collected so that one error reports all of them.
struct IndexFaults {
    /// The path of the index.
    let file: String
    private var faults: [(key: String?, message: String)] = []

    init(file: String) { self.file = file }

    /// Adds a fault.
    /// - Parameter key: The key of the fault, such as `training[3].label`; nil for the whole index.
    mutating func add(_ key: String?, _ message: String) { faults.append((key, message)) }

    /// Throws the collected faults, if there are any.
    /// - Throws: `DataError` naming every fault, or the first ones and the number of all.
    func finish() throws(DataError) {
        guard let first = faults.first else { return }
        guard faults.count > 1 else { throw DataError(.badData, file, key: first.key, first.message) }
        let texts = faults.map { fault in (fault.key.map { "\($0): " } ?? "") + fault.message }
        throw DataError(.badData, file, "has \(faults.count) faults: \(texts.shortList(separator: "; "))")
    }
}
