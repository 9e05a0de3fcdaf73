internal import SegBackend
public import SegComm
internal import SegCore
internal import SegData
internal import SegModels
internal import SegNN
internal import SegWeights

/// The time of a rank, by activity.
public struct RankTime: Hashable, Sendable {
    /// The total time in seconds.
    public let seconds: Double
    /// The number of seconds in which the rank waited for batches.
    public let data: Double
    /// The number of seconds in which the rank waited for other ranks, transfers included.
    public let others: Double

    /// The share of the time in which the rank waited for neither.
    public var shareComputing: Double { max(0, 1 - (data + others) / max(seconds, 1e-9)) }
}

extension TrainingOptions {
    /// The number of batches of a step per rank.
    /// - Throws: `RankError` if the ranks do not divide the batches by halves, with the numbers of ranks that do.
    public func passes(perRankOf ranks: Int) throws(RankError) -> Int {
        let blocks = 1 << accumulation.trailingZeroBitCount
        guard ranks & (ranks - 1) == 0, ranks <= blocks else {
            let fitting = sequence(first: 1) { $0 < blocks ? 2 * $0 : nil }.map(String.init)
            let more =
                "start \(1 << (Int.bitWidth - (ranks - 1).leadingZeroBitCount)) ranks with accumulate: set to a multiple "
                + "of this number"
            throw RankError(
                .usage, isShared: true,
                "\(ranks) ranks were started, but accumulate is \(accumulation), the number of batches of a step, which ranks "
                    + "divide by halves: start \(fitting.joined(separator: " or ")), or \(more)")
        }
        return accumulation / ranks
    }
}

/// The batches of a step that one rank computes, which are consecutive.
struct RankShare {
    /// The number of batches of all ranks in a step.
    let accumulation: Int
    /// The number of batches of this rank in a step.
    let own: Int
    let rank: Int

    /// The number, among all batches of a training run, of this rank's batch at `index`.
    func number(ofOwn index: Int) -> Int { index / own * accumulation + rank * own + index % own }
}

extension Trainer {
    /// Sums the gradients of all ranks, updates the running statistics of batch norms by all passes in order, and
    /// returns all losses in that order.
    func join(
        _ gradients: inout GradientSum, _ losses: [Double], _ statistics: [BatchStatistics]
    ) throws -> [Double] {
        guard ranks.count > 1 else { return losses }
        try gradients.replace { own in
            let flat = try FlatGradients(own, shapes: network.store.trained.map(\.shape), on: backend)
            try ranks.sum(flat)
            return try flat.gradients()
        }
        if let pass = statistics.first, pass.count > 0 {
            let all = try ranks.gather(statistics.flatMap { try $0.values() }).flatMap(\.self)
            for start in stride(from: 0, to: all.count, by: pass.count) {
                try pass.move(by: all[start..<start + pass.count])
            }
        }
        return try ranks.gather(losses).flatMap(\.self)
    }

    /// Whether any rank was asked to stop.
    func isAskedOfAny(_ isAsked: Bool) throws -> Bool {
        try ranks.gather([isAsked]).contains([true])
    }

    /// The first rank's time if decisions depend on time, or else this rank's own.
    func agreed(seconds: Double) throws -> Double {
        guard options.minutes != nil else { return seconds }
        return try ranks.gather([seconds])[0][0]
    }

    /// Checks that every rank has the same weights and the same state of the optimiser.
    /// - Throws: `RankError` naming the first rank that has others.
    public func requireSameWeights() throws {
        guard ranks.count > 1 else { return }
        let digest = ContentDigest(.sha256)
        for (name, tensor) in try checkpoint().tensors.sorted(by: { $0.key < $1.key }) {
            digest.update(Array(name.utf8))
            digest.update(Array(tensor.bytes))
        }
        try ranks.requireSame([("weights after step \(state.iteration)", digest.finish())])
    }

    /// The time of each rank, by activity, since the training was last resumed.
    func times(seconds: Double, data: Double, others: Double) throws -> [RankTime] {
        try ranks.gather([seconds, data, others]).map { RankTime(seconds: $0[0], data: $0[1], others: $0[2]) }
    }
}
