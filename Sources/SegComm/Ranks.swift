internal import Dispatch
internal import Foundation
public import SegCore

/// The processes that work on one task together, each a rank from 0. A process that was started alone is rank 0 of 1.
///
/// All ranks must call the same functions in the same order, from one thread at a time; each returns when its part is
/// done. A rank that is lost ends all.
public final class Ranks {
    /// One process, without MPI.
    public static var alone: Ranks { Ranks() }

    /// This rank, from 0.
    public let rank: Int
    /// The number of ranks.
    public let count: Int
    /// This rank among those of its machine.
    public let localRank: Int
    /// The number of ranks of this machine.
    public let localCount: Int
    /// The MPI library, in one line; nil where there is none.
    public let library: String?
    /// Seconds for which this rank has waited for others, transfers included.
    public private(set) var secondsWaited = 0.0
    /// What tells this machine from others.
    let machine: Int
    private let thread: RankThread?

    private init() {
        (rank, count, localRank, localCount, machine, library, thread) = (0, 1, 0, 1, 0, nil, nil)
    }

    /// Joins the ranks that a transport connects.
    /// - Parameters:
    ///   - patience: Seconds of silence after which a rank counts as lost.
    ///   - lost: Called, on another thread, before all ranks are ended because one is lost.
    /// - Throws: What `makeTransport` throws.
    package init(
        _ makeTransport: @escaping @Sendable () throws(RankError) -> any Transport, patience: Double = 20,
        lost: @escaping @Sendable (RankError) -> Void
    ) throws(RankError) {
        let thread = try RankThread(makeTransport, patience: patience, lost: lost)
        let place = try thread.place
        (rank, count, localRank, localCount) = (place.rank, place.count, place.localRank, place.localCount)
        (machine, library, self.thread) = (place.machine, place.library, thread)
    }

    /// Joins the ranks that `mpirun` or `srun` has started; alone where it has not. MPI is opened only for several ranks.
    /// - Parameter lost: Called, on another thread, before all ranks are ended because one is lost.
    /// - Throws: `RankError` where MPI is missing, or knows of another number of ranks than the launcher.
    public static func launched(lost: @escaping @Sendable (RankError) -> Void) throws(RankError) -> Ranks {
        guard let launch = Launch(environment: ProcessInfo.processInfo.environment) else { return .alone }
        return try Ranks({ () throws(RankError) in try MPITransport(launch) }, lost: lost)
    }

    /// Whether this rank writes what all have made.
    public var isFirst: Bool { rank == 0 }

    /// Waits until every rank calls this, and ends what connects them.
    public func finish() throws(RankError) { try thread?.finish() }

    /// Ends all ranks with an exit code; for a fault that the others do not know of.
    public func abort(_ status: ExitStatus) { thread?.abort(status.rawValue) }

    /// Sends bytes to a rank and receives bytes from the same one.
    func exchange(
        _ sent: UnsafeMutableRawBufferPointer, _ received: UnsafeMutableRawBufferPointer, with peer: Int
    ) throws(RankError) {
        try exchange(
            sends: [Message(peer: peer, bytes: sent)], receives: [Message(peer: peer, bytes: received)])
    }

    /// Sends and receives messages, and counts the time.
    func exchange(sends: [Message], receives: [Message]) throws(RankError) {
        let began = DispatchTime.now().uptimeNanoseconds
        defer { secondsWaited += Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9 }
        try thread?.exchange(sends: sends, receives: receives)
    }
}
