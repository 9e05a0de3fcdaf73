import Dispatch
import Foundation
import SegBackend
import SegCPU
import SegOpCases
import SegReference
import Synchronization

/// Runs op cases on the CPU, built with a sanitizer by `make sanitize`: on 3 threads compared with the reference and
/// with 1 thread, convolutions with each algorithm forced on 3 threads compared with 1, and small cases from several
/// threads at once. A sanitizer ends the program at its first finding.
///
/// `medseg-sanitize N` runs every Nth case of those that are not too large.
@main struct Sanitize {
    /// The maximum number of operations of a case, because a sanitizer slows each of them down several times.
    private static let mostOperations = 20_000_000

    static func main() throws {
        let step = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 1
        let small = OpCases.all.filter { ($0.flops ?? 0) <= mostOperations }
        let cases = stride(from: 0, to: small.count, by: max(1, step)).map { small[$0] }
        var faults = try faultsOnThreads(cases)
        faults += try faultsOfAlgorithms(cases)
        faults += try faultsAtOnce(cases)
        for fault in faults { print("sanitize:", fault) }
        print("sanitize: \(cases.count) of \(OpCases.all.count) cases, \(faults.count) faults")
        exit(faults.isEmpty ? 0 : 1)
    }

    /// Results that differ from the reference, or that depend on the number of threads.
    private static func faultsOnThreads(_ cases: [OpCase]) throws -> [String] {
        let (one, three) = (try CPUBackend(threads: 1), try CPUBackend(threads: 3))
        let reference = ReferenceBackend()
        return try cases.flatMap { opCase in
            let parity = try Parity(opCase, on: three, against: reference)
            let same = try opCase.run(on: one).map(\.values) == opCase.run(on: three).map(\.values)
            return (parity.passes ? [] : ["\(parity)"]) + (same ? [] : ["\(opCase): 1 and 3 threads differ"])
        }
    }

    /// Convolutions whose result with a forced algorithm differs between 3 threads and 1.
    private static func faultsOfAlgorithms(_ cases: [OpCase]) throws -> [String] {
        let convolutions = cases.filter { $0.name.hasPrefix("conv") }
        return try CPUBackend(threads: 1).forceable.flatMap { name in
            let (one, three) = (try CPUBackend(threads: 1), try CPUBackend(threads: 3))
            for backend in [one, three] { try backend.force(name) }
            return try convolutions.compactMap { opCase in
                let same = try opCase.run(on: one).map(\.values) == opCase.run(on: three).map(\.values)
                return same ? nil : "\(opCase), \(name): 1 and 3 threads differ"
            }
        }
    }

    /// Failures if four threads share one backend, as the server's jobs may.
    private static func faultsAtOnce(_ cases: [OpCase]) throws -> [String] {
        let shared = try CPUBackend(threads: 2)
        let some = cases.filter { ($0.flops ?? 0) < 1_000_000 }.prefix(60)
        let expected = try some.map { try $0.run(on: shared).map(\.values) }
        let faults = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for (opCase, expected) in zip(some, expected) {
                do {
                    guard try opCase.run(on: shared).map(\.values) != expected else { continue }
                    faults.withLock { $0.append("\(opCase): another result where threads share a backend") }
                } catch {
                    faults.withLock { $0.append("\(opCase): \(error)") }
                }
            }
        }
        return faults.withLock { $0 }
    }
}
