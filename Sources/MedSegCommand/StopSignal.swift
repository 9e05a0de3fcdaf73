import Foundation
import SegCore
import Synchronization

/// Makes SIGTERM end the program with exit code 143 while the program has nothing to finish.
func endWhenTerminated() {
    // A parent may have started the program with these signals blocked.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM] { sigaddset(&signals, number) }
    sigprocmask(SIG_UNBLOCK, &signals, nil)
    signal(SIGTERM) { _ in _exit(ExitStatus.terminated.rawValue) }
}

/// Turns SIGINT and SIGTERM into a request to stop at the next safe point; a second signal stops immediately.
///
/// One handler replaces the other without a gap, so that no signal is lost.
final class StopSignal {
    init() {
        raised.store(0, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] { signal(number, requestStop) }
    }

    deinit {
        signal(SIGINT, SIG_DFL)
        endWhenTerminated()
    }

    /// The first signal that was received; nil for none.
    var number: Int32? {
        let number = raised.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }

    /// Whether a signal was received.
    var isRaised: Bool { number != nil }
}

/// The first signal that was received; 0 for none.
private let raised = Atomic<Int32>(0)

/// Runs in a signal handler, where nothing may be allocated.
private func requestStop(_ number: Int32) {
    guard raised.exchange(number, ordering: .relaxed) == 0 else { _exit(128 + number) }
    let message: StaticString = "\nstopping after this step; press Ctrl-C again to stop immediately\n"
    write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
}

/// The error of a training run that was stopped on request and can be resumed.
struct Interruption: CodedError, CustomStringConvertible {
    /// The signal that stopped it.
    let signal: Int32
    let step: Int
    let folder: String

    var description: String { "stopped after step \(step); go on with: medseg train --resume \(folder)" }

    var exitStatus: ExitStatus { signal == SIGTERM ? .terminated : .interrupted }
}
