internal import Foundation
internal import SegData

/// The batches of one rank in order, made on worker threads while the network trains on earlier ones.
final class PrefetchedBatches {
    private let prefetch: Prefetch<Result<PatchBatch, any Error>>

    private let share: RankShare

    /// Starts making batches.
    /// - Parameters:
    ///   - share: The rank's share of all batches.
    ///   - first: The number of the first batch among the rank's own.
    ///   - processes: The number of processes on this machine that do the same.
    init(_ batches: @escaping Trainer.Batches, _ share: RankShare, from first: Int, processes: Int) {
        self.share = share
        // Patches cost a small part of a step: a few threads keep up, and batches are too large to keep many.
        let threads = min(max(ProcessInfo.processInfo.activeProcessorCount / (2 * processes), 1), 4)
        prefetch = Prefetch(from: first, threads: threads, ahead: threads + 1) { index in
            Result { try batches(share.number(ofOwn: index)) }
        }
    }

    /// The number of seconds for which the training had to wait for batches.
    var secondsWaited: Double { prefetch.secondsWaited }

    /// The next batch with its number among those of all ranks, from 0.
    /// - Throws: The errors of making a batch, such as a `DataError` naming a cached case that can no longer be read.
    func next() throws -> (number: Int, batch: PatchBatch) {
        let (index, batch) = prefetch.value()
        return (share.number(ofOwn: index), try batch.get())
    }
}
