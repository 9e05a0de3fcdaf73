internal import Foundation
public import SegComm
internal import SegCore
internal import Synchronization

/// Ranks that are threads of one process, connected by memory.
public enum ThreadRanks {
    /// Runs a body on one thread per rank, and returns the result of each.
    /// - Throws: If a rank threw, the first rank's error that was not caused by another rank's error.
    public static func run<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Ranks) throws -> Value
    ) throws -> [Value] {
        let post = Post()
        let places = (0..<count).map { _ in Place<Value>() }
        for (rank, place) in places.enumerated() {
            let thread = Thread {
                place.finish(
                    Result {
                        let ranks = try Ranks(
                            { () throws(RankError) in PostTransport(post, rank, of: count) }, lost: { _ in })
                        do {
                            let value = try body(ranks)
                            try ranks.finish()
                            return value
                        } catch {
                            ranks.abort(.software)
                            throw error
                        }
                    })
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
        let results = places.map { $0.wait() }
        for case .failure(let error) in results where !((error as? RankError)?.isShared ?? false) { throw error }
        return try results.map { try $0.get() }
    }

    /// Rank 0 of two whose other rank never responds.
    public static func deserted(patience: Double, lost: @escaping @Sendable (RankError) -> Void) throws -> Ranks {
        let post = Post()
        return try Ranks(
            { () throws(RankError) in PostTransport(post, 0, of: 2) }, patience: patience, lost: lost)
    }
}

/// The result of a rank.
private final class Place<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let ready = DispatchSemaphore(value: 0)

    func finish(_ value: Result<Value, any Error>) {
        result.withLock { $0 = value }
        ready.signal()
    }

    func wait() -> Result<Value, any Error> {
        ready.wait()
        guard let result = result.withLock({ $0 }) else { preconditionFailure("a rank gave nothing") }
        return result
    }
}

/// A store of messages until they are received.
final class Post: Sendable {
    struct Line: Hashable {
        let from: Int
        let to: Int
        let tag: Int
    }

    private let letters = Mutex<[Line: [[UInt8]]]>([:])
    private let isOver = Mutex(false)

    /// Whether a rank has ended all ranks.
    var hasEnded: Bool { isOver.withLock { $0 } }

    func end() { isOver.withLock { $0 = true } }

    func put(_ bytes: [UInt8], _ line: Line) { letters.withLock { $0[line, default: []].append(bytes) } }

    func take(_ line: Line) -> [UInt8]? {
        letters.withLock { letters in
            guard let first = letters[line]?.first else { return nil }
            letters[line]?.removeFirst()
            return first
        }
    }
}
