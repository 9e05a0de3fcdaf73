internal import Foundation

/// The memory that this process may still use, checked before it allocates an array that the system might refuse.
///
/// Swift ends the program with a signal if an array cannot be allocated. Work that is checked here first ends with a
/// message.
public enum FreeMemory {
    /// The share of the free memory that the checked work may use; the rest is for allocations that no check counts.
    private static let share = 0.9

    /// Throws if the work needs more memory than is free.
    /// - Parameters:
    ///   - arrays: Bytes of arrays, which count against the process's limit of address space.
    ///   - tensors: Bytes of tensors in this machine's memory. A backend has already reserved their addresses, so they do
    ///     not count against the limit of address space.
    ///   - subject: The file or value that causes the allocation, for the message.
    ///   - purpose: The work that needs the memory, such as `the resampled scan of 300×300×300 voxels`.
    /// - Throws: `DataError` of the kind `tooLarge`.
    public static func check(
        arrays: Int, tensors: Int = 0, subject: String, for purpose: String, advice: String
    ) throws(DataError) {
        let (all, overflow) = arrays.addingReportingOverflow(tensors)
        let limits = [(need: arrays, left: addressable), (need: overflow ? .max : all, left: physical)]
        for limit in limits where Double(limit.need) > Double(limit.left) * share {
            throw DataError(
                .tooLarge, subject,
                "\(purpose) needs \(text(limit.need)) of memory, but only \(text(limit.left)) are free; \(advice)")
        }
    }

    /// The bytes that the limits of the process (`ulimit -v`, `ulimit -d`) leave; `Int.max` without a limit.
    private static var addressable: Int {
        // The fields, in pages: all, resident, shared, code, 0, data and stacks.
        let pages = words(of: "/proc/self/statm").compactMap { Int($0) }
        guard pages.count > 5 else { return .max }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        return min(
            left(of: __rlimit_resource_t(RLIMIT_AS.rawValue), taken: pages[0] * page),
            left(of: __rlimit_resource_t(RLIMIT_DATA.rawValue), taken: pages[5] * page))
    }

    /// The free bytes of the machine and of the process's control group; `Int.max` if neither can be read.
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

    /// The minimum of the bytes that the control group and its parent groups leave.
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
                // The kernel drops cached pages of files when it needs the memory.
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
