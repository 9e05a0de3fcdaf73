internal import CSegCores
internal import Foundation

extension Ranks {
    /// The number of computing threads for this rank, at least 1: the cores that this rank may run on, divided by the number of
    /// ranks on this machine that may run on any of these cores. A rank that the launcher binds to cores of its own uses all of
    /// these.
    public func fittingThreads() throws(RankError) -> Int {
        let own = Self.cores()
        let all = try gather([UInt64(machine)] + own)
        let sharing = all.count { other in
            other[0] == UInt64(machine) && zip(other.dropFirst(), own).contains { $0 & $1 != 0 }
        }
        return max(1, own.reduce(0) { $0 + $1.nonzeroBitCount } / max(sharing, 1))
    }

    /// The cores that this process may run on, as bits.
    private static func cores() -> [UInt64] {
        var bits = [UInt64](repeating: 0, count: 16)
        let known = segcores_allowed(&bits, bits.count)
        guard known == 0 else { return Array(bits.prefix(known)) }
        let count = ProcessInfo.processInfo.activeProcessorCount
        return [count < 64 ? 1 << UInt64(count) - 1 : .max]
    }
}
