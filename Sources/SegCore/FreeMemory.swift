internal import Foundation

/// The memory that this process may still take, asked for before an array is made that the system might refuse.
///
/// Swift ends a program whose array finds no memory by a signal. A plan that is checked here first ends with a message.
public enum FreeMemory {
    /// Share of the free memory that a plan may take: the rest is for what no plan counts.
    private static let share = 0.9

    /// Refuses a plan that takes more than there is.
    /// - Parameters:
    ///   - arrays: Bytes of arrays, which come out of what the process may address.
    ///   - tensors: Bytes beside them that a device on this machine's memory has already set addresses aside for.
    ///   - subject: The file or value that asks for them.
    ///   - purpose: The work that takes them, such as `the resampled scan of 300×300×300 voxels`.
    /// - Throws: `DataError` of the kind `tooLarge`.
    public static func check(
        arrays: Int, tensors: Int = 0, subject: String, for purpose: String, advice: String
    ) throws(DataError) {
        let (all, overflow) = arrays.addingReportingOverflow(tensors)
        let limits = [(need: arrays, left: addressable), (need: overflow ? .max : all, left: physical)]
        for limit in limits where Double(limit.need) > Double(limit.left) * share {
            throw DataError(
                .tooLarge, subject,
                "\(purpose) takes \(text(limit.need)) of memory, and \(text(limit.left)) are free; \(advice)")
        }
    }

    /// Bytes that the limits of the process (`ulimit -v`, `ulimit -d`) leave; `Int.max` without a limit.
    private static var addressable: Int {
        // Pages: of all, in memory, shared, of code, 0, of data and stacks.
        let pages = words(of: "/proc/self/statm").compactMap { Int($0) }
        guard pages.count > 5 else { return .max }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        return min(
            left(of: __rlimit_resource_t(RLIMIT_AS.rawValue), taken: pages[0] * page),
            left(of: __rlimit_resource_t(RLIMIT_DATA.rawValue), taken: pages[5] * page))
    }

    /// Bytes that the machine and the control group of the process have free; `Int.max` where neither tells.
    public static var physical: Int {
        let lines = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let available = lines.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        let kilobytes = available?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        return min(kilobytes.map { $0 << 10 } ?? .max, ofControlGroup)
    }

    private static func left(of resource: __rlimit_resource_t, taken: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < UInt(Int.max) else { return .max }
        return max(0, Int(limit.rlim_cur) - taken)
    }

    /// The least that the control group and those that it is part of leave.
    private static var ofControlGroup: Int {
        words(of: "/proc/self/cgroup", separator: "\n").map { line in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return .max }
            if parts[1].isEmpty { return left(under: "/sys/fs/cgroup", parts[2], "memory.max", "memory.current") }
            guard parts[1].split(separator: ",").contains("memory") else { return .max }
            return left(
                under: "/sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes")
        }.min() ?? .max
    }

    private static func left(under root: String, _ group: Substring, _ limit: String, _ usage: String) -> Int {
        var parts = group.split(separator: "/")
        var least = Int.max
        while true {
            let folder = ([Substring(root)] + parts).joined(separator: "/")
            if let most = number(of: "\(folder)/\(limit)"), let taken = number(of: "\(folder)/\(usage)") {
                // Pages of files that were read go when they are needed.
                let cached = words(of: "\(folder)/memory.stat", separator: "\n").first {
                    $0.hasPrefix("inactive_file ")
                }
                let reclaimable = cached?.split(separator: " ").last.flatMap { Int($0) } ?? 0
                least = min(least, max(0, most - taken + reclaimable))
            }
            if parts.isEmpty { return least }
            parts.removeLast()
        }
    }

    private static func number(of file: String) -> Int? { words(of: file).first.flatMap { Int($0) } }

    private static func words(of file: String, separator: Character = " ") -> [Substring] {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return text.split { $0 == separator || $0 == "\n" }
    }

    /// `3.2 GiB`.
    private static func text(_ bytes: Int) -> String {
        let size = Double(bytes)
        return size < 0x1p30
            ? String(format: "%.0f MiB", size / 0x1p20)
            : size < 0x1p50 ? String(format: "%.1f GiB", size / 0x1p30) : String(format: "%.3g GiB", size / 0x1p30)
    }
}
