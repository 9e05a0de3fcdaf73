internal import SegCore

/// An array of numbers, of which every rank has its own, to be summed over the ranks in place.
public protocol RankArray {
    /// Elements.
    var count: Int { get }
    /// Bytes of an element.
    var stride: Int { get }

    /// The bytes of elements.
    func bytes(_ range: Range<Int>) throws -> [UInt8]

    /// Adds elements: one IEEE addition each, so that a + b has the same bits on both ranks.
    func add(_ bytes: [UInt8], to range: Range<Int>) throws

    /// Sets elements.
    func set(_ bytes: [UInt8], _ range: Range<Int>) throws
}

extension Ranks {
    /// Sums the ranks' arrays element by element; every rank ends with the same bits.
    ///
    /// Each element is summed by one binary tree, whatever the number of ranks: ranks 0 and 1, 2 and 3, …, then those
    /// pairs, and so on. Halves of the array are exchanged at distance 1, 2, 4 … (reduce-scatter), and come together on
    /// the way back (all-gather): 2 · (1 − 1/p) of the array goes out of each of p ranks.
    /// - Throws: `RankError` where the number of ranks is no power of two; what the array throws.
    public func sum(_ array: some RankArray) throws {
        guard count & (count - 1) == 0 else {
            throw RankError(.usage, isShared: true, "\(count) ranks cannot sum by pairs; start 1, 2, 4, 8 … of them")
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

    /// Gives a rank bytes for others.
    private func swap(_ given: [UInt8], for count: Int, with peer: Int) throws(RankError) -> [UInt8] {
        var (given, taken) = (given, [UInt8](repeating: 0, count: count))
        try withBytes(&given) { given throws(RankError) in
            try withBytes(&taken) { taken throws(RankError) in try exchange(given, taken, with: peer) }
        }
        return taken
    }
}
