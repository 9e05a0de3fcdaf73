internal import Foundation

/// The resident memory of this process, as the system counts it.
package enum ProcessMemory {
    /// The current number of bytes; 0 if it cannot be read.
    package static var resident: Int { bytes("VmRSS:") }

    /// The maximum number of bytes so far; 0 if it cannot be read.
    package static var peak: Int { bytes("VmHWM:") }

    private static func bytes(_ key: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix(key) }
        return (line?.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first ?? 0) << 10
    }
}
