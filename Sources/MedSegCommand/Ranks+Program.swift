import Foundation
import SegComm
import SegCore

extension Ranks {
    /// Runs a command's work on the ranks that a launcher has started, and ends all of them together.
    ///
    /// If one rank alone fails, it prints its error and ends the others. If all fail alike, only the first prints the
    /// error.
    /// - Throws: The errors of `work` if this process is the only rank.
    static func together(_ work: (Ranks) throws -> Void) throws {
        let ranks = try joined()
        do {
            try work(ranks)
            try ranks.finish()
        } catch {
            guard ranks.count > 1 else { throw error }
            ranks.end(by: error)
        }
    }

    /// The ranks that a launcher has started.
    private static func joined() throws -> Ranks {
        do {
            return try launched { note("medseg: \($0)") }
        } catch {
            let rank = Launch(environment: ProcessInfo.processInfo.environment)?.rank
            if error.isShared, rank != 0 { exit(error.exitStatus) }
            throw error
        }
    }

    private func end(by error: any Error) -> Never {
        let status = ExitStatus(of: error) ?? .software
        guard error is Interruption || (error as? RankError)?.isShared == true else {
            note("medseg: rank \(rank): \(error)")
            abort(status)
            Self.exit(status)
        }
        if isFirst { note("medseg: \(error)") }
        try? finish()
        Self.exit(status)
    }

    private static func exit(_ status: ExitStatus) -> Never {
        fflush(nil)
        _exit(status.rawValue)
    }
}
