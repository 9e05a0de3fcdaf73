internal import Foundation

/// The memory of this process as the system counts it.
package enum ProcessMemory {
    /// Bytes in memory now; 0 where the system does not tell.
    package static var resident: Int { bytes("VmRSS:") }

    /// The most bytes that were in memory at once so far; 0 where the system does not tell.
    package static var peak: Int { bytes("VmHWM:") }

    private static func bytes(_ key: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix(key) }
        return (line?.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first ?? 0) << 10
    }
}
