/// Bytes that go from one rank to another. A transport belongs to one thread.
package protocol Transport: AnyObject {
    /// Where this process stands.
    var place: RankPlace { get }

    /// Begins to send bytes, which must stay where they are until the transfer is done.
    func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, tag: Int) throws(RankError) -> any Transfer

    /// Begins to receive exactly as many bytes.
    func receive(_ bytes: UnsafeMutableRawBufferPointer, from peer: Int, tag: Int) throws(RankError) -> any Transfer

    /// Ends what the transport began, when nothing is on its way.
    func finish()

    /// Ends all ranks.
    func abort(_ code: Int32)
}

/// A message on its way.
package protocol Transfer {
    /// Whether it has gone or come whole; not to be asked again after true.
    func isDone() throws(RankError) -> Bool
}

/// Where a process stands among all ranks, and among those of its machine.
package struct RankPlace: Hashable, Sendable {
    package let rank: Int
    package let count: Int
    package let localRank: Int
    package let localCount: Int
    /// What tells its machine from others: the first rank of it.
    package let machine: Int
    /// The MPI library, in one line.
    package let library: String

    package init(rank: Int, count: Int, localRank: Int, localCount: Int, machine: Int, library: String) {
        (self.rank, self.count) = (rank, count)
        (self.localRank, self.localCount, self.machine) = (localRank, localCount, machine)
        self.library = library
    }
}
