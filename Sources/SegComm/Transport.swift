/// Transfers bytes between ranks. Only one thread may use a transport.
package protocol Transport: AnyObject {
    /// The position of this process among the ranks.
    var place: RankPlace { get }

    /// Starts to send bytes, whose memory must not move until the transfer is done.
    func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, tag: Int) throws(RankError) -> any Transfer

    /// Starts to receive exactly as many bytes as the buffer has.
    func receive(_ bytes: UnsafeMutableRawBufferPointer, from peer: Int, tag: Int) throws(RankError) -> any Transfer

    /// Ends the transport; no transfer may be in progress.
    func finish()

    /// Ends all ranks.
    func abort(_ code: Int32)
}

/// A message in transfer.
package protocol Transfer {
    /// Whether it is completely sent or received; must not be called again after it returned true.
    func isDone() throws(RankError) -> Bool
}

/// The position of a process among all ranks, and among the ranks of its machine.
package struct RankPlace: Hashable, Sendable {
    package let rank: Int
    package let count: Int
    package let localRank: Int
    package let localCount: Int
    /// The identifier of its machine: the number of the machine's first rank.
    package let machine: Int
    /// The MPI library, on one line.
    package let library: String

    package init(rank: Int, count: Int, localRank: Int, localCount: Int, machine: Int, library: String) {
        (self.rank, self.count) = (rank, count)
        (self.localRank, self.localCount, self.machine) = (localRank, localCount, machine)
        self.library = library
    }
}
