import Foundation
import SegCore
import Synchronization

/// Lets a polite kill end the program with the documented code wherever it has nothing to finish.
func endWhenTerminated() {
    signal(SIGTERM) { _ in _exit(ExitStatus.terminated.rawValue) }
}

/// Takes Ctrl-C and the polite kill as a wish to stop at the next good place; a second one stops at once.
final class StopSignal {
    private let raised = Mutex<Int32?>(nil)
    private var sources: [any DispatchSourceSignal] = []

    init() {
        for number in [SIGINT, SIGTERM] {
            // The source sees signals that the process itself ignores.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in
                self?.raised.withLock { $0 = number }
                note("\nstopping after this step; once more to stop at once")
                Self.stopAtOnce(number)
            }
            source.activate()
            sources.append(source)
        }
    }

    deinit {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM] { Self.stopAtOnce(number) }
    }

    private static func stopAtOnce(_ number: Int32) {
        if number == SIGTERM { endWhenTerminated() } else { signal(number, SIG_DFL) }
    }

    /// The signal that came; nil for none.
    var number: Int32? { raised.withLock { $0 } }

    /// Whether one came.
    var isRaised: Bool { number != nil }
}

/// A training that was asked to stop and can go on.
struct Interruption: CodedError, CustomStringConvertible {
    /// Which signal it was.
    let signal: Int32
    let step: Int
    let folder: String

    var description: String { "stopped after step \(step); go on with: medseg train --resume \(folder)" }

    var exitStatus: ExitStatus { signal == SIGTERM ? .terminated : .interrupted }
}
