internal import SegComm
internal import SegCore

/// A transport that sends messages through the memory of one process.
final class PostTransport: Transport {
    let place: RankPlace
    private let post: Post

    init(_ post: Post, _ rank: Int, of count: Int) {
        self.post = post
        place = RankPlace(rank: rank, count: count, localRank: rank, localCount: count, machine: 0, library: "threads")
    }

    func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, tag: Int) throws(RankError) -> any Transfer {
        post.put([UInt8](bytes), Post.Line(from: place.rank, to: peer, tag: tag))
        return Sent()
    }

    func receive(
        _ bytes: UnsafeMutableRawBufferPointer, from peer: Int, tag: Int
    ) throws(RankError) -> any Transfer {
        Receiving(post: post, line: Post.Line(from: peer, to: place.rank, tag: tag), bytes: bytes)
    }

    func finish() {}

    func abort(_ code: Int32) { post.end() }
}

private struct Sent: Transfer {
    func isDone() throws(RankError) -> Bool { true }
}

private struct Receiving: Transfer {
    let post: Post
    let line: Post.Line
    let bytes: UnsafeMutableRawBufferPointer

    func isDone() throws(RankError) -> Bool {
        guard !post.hasEnded else { throw RankError(.software, isShared: true, "another rank has ended all") }
        guard let letter = post.take(line) else { return false }
        guard letter.count == bytes.count else {
            throw RankError(.software, "\(letter.count) bytes came in place of \(bytes.count)")
        }
        bytes.copyBytes(from: letter)
        return true
    }
}
