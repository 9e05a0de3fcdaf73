internal import SegCore

/// An array of numbers on every rank that is summed over the ranks in place.
public protocol RankArray {
    /// The number of elements.
    var count: Int { get }
    /// The number of bytes of an element.
    var stride: Int { get }

    /// Reads the bytes of elements.
    func bytes(_ range: Range<Int>) throws -> [UInt8]

    /// Adds elements, each with one IEEE addition. Therefore two ranks that exchange a and b get the same bits for a + b.
    func add(_ bytes: [UInt8], to range: Range<Int>) throws

    /// Writes the bytes of elements.
    func set(_ bytes: [UInt8], _ range: Range<Int>) throws
}

extension Ranks {
    /// Sums the ranks' arrays element by element; the result has the same bits on every rank.
    ///
    /// Each element is summed along one binary tree, for any number of ranks: ranks 0 and 1, 2 and 3, …, then those
    /// pairs, and so on. Halves of the array are exchanged at distance 1, 2, 4 … (reduce-scatter), and collected in
    /// reverse order (all-gather). Each of p ranks sends 2 · (1 − 1/p) of the array.
    /// - Throws: `RankError` if the number of ranks is not a power of two; the errors that `array` throws.
    public func sum(_ array: some RankArray) throws {
        guard count & (count - 1) == 0 else {
            throw RankError(.usage, isShared: true, "\(count) ranks cannot sum in pairs; start 1, 2, 4, 8 … ranks")
        }
        var kept = 0..<array.count
        var levels: [(peer: Int, kept: Range<Int>, given: Range<Int>)] = []
        for distance in sequence(first: 1, next: { $0 * 2 }).prefix(while: { $0 < count }) {
            let middle = kept.lowerBound + kept.count / 2
            let halves = (kept.lowerBound..<middle, middle..<kept.upperBound)
            let isLower = rank & distance == 0
            let (mine, theirs) = isLower ? halves : (halves.1, halves.0)
            let peer = rank ^ distance
            try array.add(swap(array.bytes(theirs), for: mine.count * array.stride, with: peer), to: mine)
            levels.append((peer, mine, theirs))
            kept = mine
        }
        for (peer, mine, theirs) in levels.reversed() {
            try array.set(swap(array.bytes(mine), for: theirs.count * array.stride, with: peer), theirs)
        }
    }

    /// Exchanges bytes with a rank.
    private func swap(_ given: [UInt8], for count: Int, with peer: Int) throws(RankError) -> [UInt8] {
        var (given, taken) = (given, [UInt8](repeating: 0, count: count))
        try withBytes(&given) { given throws(RankError) in
            try withBytes(&taken) { taken throws(RankError) in try exchange(given, taken, with: peer) }
        }
        return taken
    }
}
