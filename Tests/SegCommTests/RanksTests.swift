import SegComm
import SegCore
import SegTestRanks
import Synchronization
import Testing

/// Numbers in memory.
private struct Numbers: RankArray {
    final class Storage {
        var values: [Float]
        init(_ values: [Float]) { self.values = values }
    }

    let storage: Storage
    var count: Int { storage.values.count }
    var stride: Int { 4 }

    init(_ values: [Float]) { storage = Storage(values) }

    func bytes(_ range: Range<Int>) -> [UInt8] { storage.values[range].withUnsafeBytes { [UInt8]($0) } }

    func add(_ bytes: [UInt8], to range: Range<Int>) {
        for (place, value) in zip(range, floats(bytes)) { storage.values[place] += value }
    }

    func set(_ bytes: [UInt8], _ range: Range<Int>) { storage.values.replaceSubrange(range, with: floats(bytes)) }

    private func floats(_ bytes: [UInt8]) -> [Float] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
}

struct RanksTests {
    /// Values whose sum depends on the order of the additions.
    private static func values(_ leaf: Int, count: Int) -> [Float] {
        (0..<count).map { Float(1) / Float(3 + 7 * leaf + $0 * $0) * Float(leaf % 2 == 0 ? 1 : -1.3) }
    }

    private static func tree(_ leaves: ArraySlice<[Float]>) -> [Float] {
        guard leaves.count > 1 else { return leaves.first ?? [] }
        let middle = leaves.startIndex + leaves.count / 2
        return zip(tree(leaves[..<middle]), tree(leaves[middle...])).map { $0 + $1 }
    }

    /// Lengths that are not divisible by two, and fewer elements than ranks.
    @Test(arguments: [1, 2, 4, 8], [0, 1, 3, 64, 1001])
    func sumsAreThoseOfOneTree(ranks count: Int, elements: Int) throws {
        let leaves = (0..<8).map { Self.values($0, count: elements) }
        let expected = Self.tree(leaves[...])
        let sums = try ThreadRanks.run(count) { ranks in
            let share = 8 / ranks.count
            let own = Numbers(Self.tree(leaves[ranks.rank * share..<(ranks.rank + 1) * share]))
            try ranks.sum(own)
            return own.storage.values
        }
        for sum in sums { #expect(sum == expected) }
    }

    @Test func otherCountsThanPowersOfTwoSumNothing() throws {
        let error = try #require(throws: RankError.self) {
            try ThreadRanks.run(3) { ranks in try ranks.sum(Numbers([1, 2])) }
        }
        #expect(error.description.contains("3 ranks") && error.exitStatus == .usage)
    }

    @Test(arguments: [1, 2, 3, 4]) func gatheredValuesStandInTheOrderOfTheRanks(_ count: Int) throws {
        let all = try ThreadRanks.run(count) { ranks in
            try ranks.barrier()
            return try ranks.gather([Double](repeating: Double(ranks.rank) + 0.5, count: ranks.rank))
        }
        let expected = (0..<count).map { [Double](repeating: Double($0) + 0.5, count: $0) }
        #expect(all == Array(repeating: expected, count: count))
    }

    @Test func ranksThatDifferAreNamed() throws {
        let error = try #require(throws: RankError.self) {
            try ThreadRanks.run(3) { ranks in
                try ranks.requireSame([("version", "1"), ("data", ranks.rank == 2 ? "b" : "a")])
            }
        }
        #expect(error.description.contains("data: rank 0 has a, rank 2 has b") && error.isShared)
        _ = try ThreadRanks.run(3) { try $0.requireSame([("version", "1"), ("data", "a")]) }
    }

    /// The loss of a rank ends the waiting of the others.
    @Test func aSilentRankIsLost() throws {
        let counter = Counter()
        let ranks = try ThreadRanks.deserted(patience: 0.4) { _ in counter.add() }
        let error = try #require(throws: RankError.self) { try ranks.barrier() }
        #expect(error.description.contains("rank 1") && error.description.contains("--resume"))
        #expect(error.exitStatus == .unavailable && counter.count == 1)
    }

    @Test func oneProcessNeedsNoOther() throws {
        let ranks = Ranks.alone
        try ranks.barrier()
        #expect(try ranks.gather([1, 2]) == [[1, 2]])
        let own = Numbers([1, 2])
        try ranks.sum(own)
        try ranks.finish()
        #expect(own.storage.values == [1, 2] && ranks.count == 1 && ranks.isFirst)
    }
}

private final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    func add() { value.withLock { $0 += 1 } }
}
