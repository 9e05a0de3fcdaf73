internal import Foundation
internal import SegData

/// The batches of a training in their order, made on worker threads while others are learnt from.
final class PrefetchedBatches {
    private let prefetch: Prefetch<Result<PatchBatch, any Error>>

    /// Starts making batches.
    /// - Parameter first: The number of the first batch.
    init(_ batches: @escaping Trainer.Batches, from first: Int) {
        // Patches cost a small part of a step: a few threads keep up, and batches are too large to keep many.
        let threads = min(max(ProcessInfo.processInfo.activeProcessorCount / 2, 1), 4)
        prefetch = Prefetch(from: first, threads: threads, ahead: threads + 1) { number in
            Result { try batches(number) }
        }
    }

    /// Seconds for which the training had to wait for batches.
    var secondsWaited: Double { prefetch.secondsWaited }

    /// The next batch with its number, from 0.
    /// - Throws: What makes them throws, such as a `DataError` naming a cached case that can no longer be read.
    func next() throws -> (index: Int, batch: PatchBatch) {
        let (number, batch) = prefetch.value()
        return (number, try batch.get())
    }
}
