internal import Foundation
internal import SegCore

/// The planned memory of a prediction, computed after the scan is preprocessed to the network's grid and before the first
/// window.
public struct MemoryPlan: Sendable, CustomStringConvertible {
    /// A part of the memory that is in use while windows are computed.
    public struct Row: Hashable, Sendable {
        /// The name of the part.
        public let name: String
        /// The number of bytes.
        public let bytes: Int
        /// Whether the part is in the memory of a device, not in the memory of the process.
        public let isOnDevice: Bool
    }

    /// The parts that are in memory at the same time.
    public let rows: [Row]
    /// The peak of the process so far, in bytes, while the scan was read and preprocessed.
    public let reached: Int
    /// The number of bytes that postprocessing the mask needs in addition to the rows, after the last window.
    public let cleaning: Int
    /// The number of bytes of the process while several channels are copied to the network's input, before the first window; 0
    /// for one channel.
    public let copying: Int
    /// The size in bytes of the temporary file for the sums of windows; 0 if the sums are in memory.
    public let scratch: Int

    /// The planned peak of the process's resident memory from the time when the channels are copied.
    public var planned: Int { max(held + cleaning, copying) }

    /// The number of bytes that must be allowed and free: the planned peak and a margin of 5 %, because the plan does not count
    /// every allocation.
    public var needed: Int { planned + planned / 20 }

    /// The planned peak of the process's resident memory, the peak so far included.
    public var peak: Int { max(reached, planned) }

    /// The planned peak of the device's memory; 0 if the device uses the memory of the process.
    public var devicePeak: Int { rows.reduce(0) { $0 + ($1.isOnDevice ? $1.bytes : 0) } }

    private var held: Int { rows.reduce(0) { $0 + ($1.isOnDevice ? 0 : $1.bytes) } }

    /// The plan as a table, with the peak in the last line.
    public var description: String {
        var table = TextTable(["memory", "where", "MiB"])
        for row in rows { table.append([row.name, row.isOnDevice ? "device" : "process", Self.mebibytes(row.bytes)]) }
        if copying > 0 { table.append(["copies of the channels, before", "process", Self.mebibytes(copying)]) }
        if cleaning > 0 { table.append(["post-processing", "process", Self.mebibytes(cleaning)]) }
        if scratch > 0 { table.append(["sums of windows", "temporary file", Self.mebibytes(scratch)]) }
        table.append(["reached so far", "process", Self.mebibytes(reached)])
        if devicePeak > 0 { table.append(["planned peak", "device", Self.mebibytes(devicePeak)]) }
        table.append(["planned peak", "process", Self.mebibytes(peak)])
        return table.lines.joined(separator: "\n")
    }

    /// The peaks in one line.
    public var summary: String {
        (["planned peak of memory \(Self.text(peak))"]
            + (devicePeak > 0 ? ["\(Self.text(devicePeak)) on the device"] : [])
            + (scratch > 0 ? ["temporary file \(Self.text(scratch))"] : [])).joined(separator: ", ")
    }

    private static func mebibytes(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 0x1p20) }

    /// Formats a number of bytes, rounded up, such as `812 MiB` or `3.25 GiB`.
    static func text(_ bytes: Int) -> String {
        bytes < 1 << 30
            ? String(format: "%.0f MiB", (Double(bytes) / 0x1p20).rounded(.up))
            : String(format: "%.2f GiB", (Double(bytes) / 0x1p30 * 100).rounded(.up) / 100)
    }
}

/// The memory limit of a prediction, and the function that is called with the memory plan.
public struct MemoryBudget: Sendable {
    /// The maximum memory of the process in bytes; nil for the free memory of the machine.
    public var limit: Int?
    /// The folder of the temporary file for the sums of windows, which is used if they do not fit into memory.
    public var scratch = FileManager.default.temporaryDirectory.path
    /// Called with the plan before the first window, also if the plan exceeds the limit; an error that it throws ends the
    /// prediction.
    public var announce: (@Sendable (MemoryPlan) throws -> Void)?
    /// Called before the first window if the plan is within the limit; an error that it throws ends the prediction.
    public var begin: (@Sendable () throws -> Void)?
    /// The resident memory of the process in bytes. Tests give a fixed number, because other tests run in the same process.
    package var resident: @Sendable () -> Int = { ProcessMemory.resident }

    /// Creates a budget that is limited only by the machine's free memory.
    public init() {}
}
