internal import Dispatch
internal import Foundation
internal import SegCore
internal import Synchronization

/// Bytes to send to a rank, or memory for bytes from a rank.
struct Message: @unchecked Sendable {
    let peer: Int
    /// The memory, which must not move while the sender or the receiver waits.
    let bytes: UnsafeMutableRawBufferPointer
}

/// The only thread that uses the transport: it exchanges messages and watches the other ranks.
///
/// MPI makes progress only inside its calls, and allows calls from one thread only.
final class RankThread: Sendable {
    /// Work for the thread; the requesting thread waits for it.
    private enum Job {
        case exchange(sends: [Message], receives: [Message])
        case finish
        case abort(Int32)
    }

    private struct Shared {
        var job: Job?
        var place: Result<RankPlace, RankError>?
        var result: Result<Void, RankError>?
    }

    private let shared = Mutex(Shared())
    private let wake = DispatchSemaphore(value: 0)
    private let done = DispatchSemaphore(value: 0)
    private let lost: @Sendable (RankError) -> Void
    private let patience: Double
    /// The maximum number of bytes of a message: MPI counts them in 31 bits.
    private static let mostBytes = 1 << 30
    private static let tag = 0

    /// Starts the thread and, on it, the transport.
    /// - Parameters:
    ///   - patience: Seconds of silence after which a rank counts as lost.
    ///   - lost: Called on this thread before all ranks are ended because one is lost or a message failed.
    /// - Throws: The error that `makeTransport` throws.
    init(
        _ makeTransport: @escaping @Sendable () throws(RankError) -> any Transport, patience: Double,
        lost: @escaping @Sendable (RankError) -> Void
    ) throws(RankError) {
        (self.lost, self.patience) = (lost, patience)
        let thread = Thread { [self] in
            do throws(RankError) {
                let transport = try makeTransport()
                shared.withLock { $0.place = .success(transport.place) }
                done.signal()
                serve(transport)
            } catch {
                shared.withLock { $0.place = .failure(error) }
                done.signal()
            }
        }
        thread.name = "medseg ranks"
        thread.start()
        done.wait()
        _ = try place
    }

    /// The position of this process among the ranks.
    var place: RankPlace {
        get throws(RankError) {
            guard let place = shared.withLock({ $0.place }) else {
                preconditionFailure("the ranks' thread has no place")
            }
            return try place.get()
        }
    }

    /// Sends and receives messages; returns when all are complete.
    func exchange(sends: [Message], receives: [Message]) throws(RankError) {
        try run(.exchange(sends: sends, receives: receives))
    }

    /// Ends the transport after every rank has called this.
    func finish() throws(RankError) { try run(.finish) }

    /// Ends all ranks.
    func abort(_ code: Int32) { try? run(.abort(code)) }

    private func run(_ job: Job) throws(RankError) {
        shared.withLock { $0.job = job }
        wake.signal()
        done.wait()
        guard let result = shared.withLock({ $0.result }) else { preconditionFailure("a job of the ranks has no end") }
        try result.get()
    }

    /// Serves jobs until the transport is finished or a rank is lost.
    private func serve(_ transport: any Transport) {
        do throws(RankError) {
            var watch = try RankWatch(transport, patience: patience)
            while true {
                _ = wake.wait(timeout: .now() + .milliseconds(200))
                let job = shared.withLock { shared in
                    defer { shared.job = nil }
                    return shared.job
                }
                try watch.tick()
                guard let job else { continue }
                guard try take(job, transport, &watch) else { return watch.end() }
            }
        } catch {
            lost(error)
            transport.abort(error.exitStatus.rawValue)
            // Reached only if a transport cannot end the process: every current and later caller must get the error.
            while true {
                answer(.failure(error))
                wake.wait()
            }
        }
    }

    private func answer(_ result: Result<Void, RankError>) {
        shared.withLock { $0.result = result }
        done.signal()
    }

    /// Does a job; false if it was the last one.
    private func take(
        _ job: Job, _ transport: any Transport, _ watch: inout RankWatch
    ) throws(RankError) -> Bool {
        switch job {
        case .exchange(let sends, let receives):
            try exchange(sends, receives, transport, &watch)
            answer(.success(()))
            return true
        case .finish:
            watch.leave()
            var pause = Pause()
            while !watch.isOver {
                try watch.tick()
                pause.rest()
            }
            transport.finish()
            answer(.success(()))
            return false
        case .abort(let code):
            transport.abort(code)
            answer(.success(()))
            return false
        }
    }

    private func exchange(
        _ sends: [Message], _ receives: [Message], _ transport: any Transport, _ watch: inout RankWatch
    ) throws(RankError) {
        var pending: [any Transfer] = []
        for message in receives {
            for piece in Self.pieces(message.bytes) {
                pending.append(try transport.receive(piece, from: message.peer, tag: Self.tag))
            }
        }
        for message in sends {
            for piece in Self.pieces(message.bytes) {
                pending.append(try transport.send(UnsafeRawBufferPointer(piece), to: message.peer, tag: Self.tag))
            }
        }
        let peers = Set((sends + receives).map(\.peer))
        var (pause, forsaken) = (Pause(), 0)
        while true {
            var left: [any Transfer] = []
            for transfer in pending where !(try transfer.isDone()) { left.append(transfer) }
            if left.isEmpty { return }
            pending = left
            guard pause.rest() else { continue }
            try watch.tick()
            // Messages that a rank sent before it left may still arrive.
            forsaken += peers.contains(where: watch.hasLeft) ? 1 : 0
            guard forsaken < 50 else {
                throw RankError(
                    .software,
                    "another rank has ended while this one waits for it: the ranks did not do the same work; start the same "
                        + "program with the same arguments everywhere")
            }
        }
    }

    private static func pieces(_ bytes: UnsafeMutableRawBufferPointer) -> [UnsafeMutableRawBufferPointer] {
        stride(from: 0, to: bytes.count, by: mostBytes).map { start in
            UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(start + mostBytes, bytes.count)])
        }
    }
}

/// The pause of a thread that waits for messages: at first it only yields, then it sleeps longer and longer.
private struct Pause {
    private var rounds = 0

    /// Waits a moment; true about every tenth of a second, when the other ranks should be checked.
    @discardableResult
    mutating func rest() -> Bool {
        rounds += 1
        guard rounds > 200 else {
            sched_yield()
            return false
        }
        usleep(200)
        return rounds % 500 == 0
    }
}
