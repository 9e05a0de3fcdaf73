import ArgumentParser
import Foundation
import SegComm

/// `medseg-bench comm`: the speed of sums over ranks.
struct Comm: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "comm",
        abstract: "Times sums over the ranks that mpirun or srun started, in the same order as in training.",
        discussion: """
            One row per size of the gradients in memory: the median and minimum time of a sum in milliseconds, and the \
            megabytes that each rank sends per second. The last row is a barrier without data: the cost of each \
            agreement of the ranks.
            """)

    @Option(name: .customLong("mib"), parsing: .upToNextOption, help: "The sizes of the gradients in MiB.")
    var sizes: [Double] = [0.25, 4, 18.3, 173.6, 353.8]

    @Option(help: "The number of sums of each size.")
    var repetitions = 7

    func validate() throws {
        guard repetitions > 0, sizes.allSatisfy({ $0 > 0 && $0 < 65536 }) else {
            throw ValidationError("--repetitions should be positive, and --mib above 0 and below 65536")
        }
    }

    func run() throws {
        let ranks = try Ranks.launched { FileHandle.standardError.write(Data("medseg-bench: \($0)\n".utf8)) }
        guard ranks.count > 1 else {
            throw ValidationError("comm needs several ranks; start it as in: mpirun -n 2 medseg-bench comm")
        }
        if ranks.isFirst {
            print("\(ranks.count) ranks, \(ranks.localCount) on the first machine, \(ranks.library ?? "")")
            print("     MiB  median ms   least ms   MB/s out")
        }
        for size in sizes {
            let array = HostArray(count: Int(size * Double(1 << 20)) / 4)
            let times = try milliseconds(ranks) { try ranks.sum(array) }
            let out = 2 * (1 - 1 / Double(ranks.count)) * Double(4 * array.count) / 1e3
            if ranks.isFirst {
                print(String(format: "%8.2f %10.2f %10.2f %10.0f", size, times.median, times.least, out / times.median))
            }
        }
        let times = try milliseconds(ranks) { try ranks.barrier() }
        if ranks.isFirst { print(String(format: "    none %10.3f %10.3f", times.median, times.least)) }
        try ranks.finish()
    }

    /// The median and minimum time of a repetition, after one that does not count; all ranks start each one together.
    private func milliseconds(_ ranks: Ranks, _ work: () throws -> Void) throws -> (median: Double, least: Double) {
        try work()
        let times = try (0..<repetitions).map { _ in
            try ranks.barrier()
            let start = DispatchTime.now().uptimeNanoseconds
            try work()
            return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6
        }.sorted()
        return (times[times.count / 2], times[0])
    }
}

/// Numbers in the memory of this machine.
private final class HostArray: RankArray {
    private var values: [Float]
    var count: Int { values.count }
    let stride = 4

    init(count: Int) { values = [Float](repeating: 1, count: count) }

    func bytes(_ range: Range<Int>) -> [UInt8] { values[range].withUnsafeBytes { [UInt8]($0) } }

    func add(_ bytes: [UInt8], to range: Range<Int>) {
        bytes.withUnsafeBytes { bytes in
            let received = bytes.assumingMemoryBound(to: Float.self)
            for (index, place) in range.enumerated() { values[place] += received[index] }
        }
    }

    func set(_ bytes: [UInt8], _ range: Range<Int>) {
        values.withUnsafeMutableBytes { values in
            UnsafeMutableRawBufferPointer(rebasing: values[4 * range.lowerBound..<4 * range.upperBound])
                .copyBytes(from: bytes)
        }
    }
}
