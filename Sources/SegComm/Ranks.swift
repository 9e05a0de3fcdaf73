internal import Dispatch
internal import Foundation
public import SegCore

/// The processes that work on one task, with ranks from 0. A process that was started alone is rank 0 of 1.
///
/// All ranks must call the same functions in the same order, from one thread at a time; each call returns when this
/// rank's part is done. If a rank is lost, all ranks end.
public final class Ranks {
    /// One process, without MPI.
    public static var alone: Ranks { Ranks() }

    /// This rank, from 0.
    public let rank: Int
    /// The number of ranks.
    public let count: Int
    /// The number of this rank among the ranks of its machine.
    public let localRank: Int
    /// The number of ranks of this machine.
    public let localCount: Int
    /// The MPI library, on one line; nil if there is none.
    public let library: String?
    /// The seconds for which this rank has waited for others, including transfers.
    public private(set) var secondsWaited = 0.0
    /// The identifier of this machine: the number of its first rank.
    let machine: Int
    private let thread: RankThread?

    private init() {
        (rank, count, localRank, localCount, machine, library, thread) = (0, 1, 0, 1, 0, nil, nil)
    }

    /// Joins the ranks that a transport connects.
    /// - Parameters:
    ///   - patience: Seconds of silence after which a rank counts as lost.
    ///   - lost: Called, on another thread, before all ranks are ended because one is lost.
    /// - Throws: The error that `makeTransport` throws.
    package init(
        _ makeTransport: @escaping @Sendable () throws(RankError) -> any Transport, patience: Double = 20,
        lost: @escaping @Sendable (RankError) -> Void
    ) throws(RankError) {
        let thread = try RankThread(makeTransport, patience: patience, lost: lost)
        let place = try thread.place
        (rank, count, localRank, localCount) = (place.rank, place.count, place.localRank, place.localCount)
        (machine, library, self.thread) = (place.machine, place.library, thread)
    }

    /// Joins the ranks that `mpirun` or `srun` has started, or creates one rank alone. MPI is opened only for several
    /// ranks.
    /// - Parameter lost: Called, on another thread, before all ranks are ended because one is lost.
    /// - Throws: `RankError` if MPI is missing or reports another number of ranks than the launcher.
    public static func launched(lost: @escaping @Sendable (RankError) -> Void) throws(RankError) -> Ranks {
        guard let launch = Launch(environment: ProcessInfo.processInfo.environment) else { return .alone }
        return try Ranks({ () throws(RankError) in try MPITransport(launch) }, lost: lost)
    }

    /// Whether this is rank 0, which writes the common results.
    public var isFirst: Bool { rank == 0 }

    /// Waits until every rank calls this, and ends the transport.
    public func finish() throws(RankError) { try thread?.finish() }

    /// Ends all ranks with an exit code, for a fault that the other ranks do not know.
    public func abort(_ status: ExitStatus) { thread?.abort(status.rawValue) }

    /// Sends bytes to a rank and receives bytes from the same one.
    func exchange(
        _ sent: UnsafeMutableRawBufferPointer, _ received: UnsafeMutableRawBufferPointer, with peer: Int
    ) throws(RankError) {
        try exchange(
            sends: [Message(peer: peer, bytes: sent)], receives: [Message(peer: peer, bytes: received)])
    }

    /// Sends and receives messages, and measures the time.
    func exchange(sends: [Message], receives: [Message]) throws(RankError) {
        let began = DispatchTime.now().uptimeNanoseconds
        defer { secondsWaited += Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9 }
        try thread?.exchange(sends: sends, receives: receives)
    }
}
