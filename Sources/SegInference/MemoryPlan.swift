internal import Foundation
internal import SegCore

/// What a prediction will take of the process's memory, known once its scan is on the network's grid and before the first
/// window is computed.
public struct MemoryPlan: Sendable, CustomStringConvertible {
    /// Something that is held while windows are computed.
    public struct Row: Hashable, Sendable {
        /// What it is.
        public let name: String
        /// Its bytes.
        public let bytes: Int
        /// Whether it lies in the memory of a device of its own, and not in the process's.
        public let isOnDevice: Bool
    }

    /// What is held at once.
    public let rows: [Row]
    /// The most that the process held so far, while the scan was read and prepared.
    public let reached: Int
    /// What cleaning the mask takes beside the rows, after the last window.
    public let cleaning: Int
    /// Bytes of the file that holds the sums of windows in place of memory; 0 where there is none.
    public let scratch: Int

    /// The planned peak of the process's resident memory from the first window on.
    public var planned: Int { held + cleaning }

    /// The planned peak of the process's resident memory, that of what is done already included.
    public var peak: Int { max(reached, planned) }

    /// The planned peak of the memory of a device of its own; 0 where it computes in the process's.
    public var devicePeak: Int { rows.reduce(0) { $0 + ($1.isOnDevice ? $1.bytes : 0) } }

    private var held: Int { rows.reduce(0) { $0 + ($1.isOnDevice ? 0 : $1.bytes) } }

    /// A table, the peak in the last line.
    public var description: String {
        var table = TextTable(["memory", "where", "MiB"])
        for row in rows { table.append([row.name, row.isOnDevice ? "device" : "process", Self.mebibytes(row.bytes)]) }
        if cleaning > 0 { table.append(["post-processing", "process", Self.mebibytes(cleaning)]) }
        if scratch > 0 { table.append(["sums of windows", "scratch file", Self.mebibytes(scratch)]) }
        table.append(["reached so far", "process", Self.mebibytes(reached)])
        if devicePeak > 0 { table.append(["planned peak", "device", Self.mebibytes(devicePeak)]) }
        table.append(["planned peak", "process", Self.mebibytes(peak)])
        return table.lines.joined(separator: "\n")
    }

    /// The peaks in one line.
    public var summary: String {
        (["planned peak of memory \(Self.text(peak))"]
            + (devicePeak > 0 ? ["\(Self.text(devicePeak)) on the device"] : [])
            + (scratch > 0 ? ["scratch file \(Self.text(scratch))"] : [])).joined(separator: ", ")
    }

    private static func mebibytes(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 0x1p20) }

    /// `812 MiB`, `3.25 GiB`.
    static func text(_ bytes: Int) -> String {
        bytes < 1 << 30
            ? String(format: "%.0f MiB", (Double(bytes) / 0x1p20).rounded(.up))
            : String(format: "%.2f GiB", (Double(bytes) / 0x1p30 * 100).rounded(.up) / 100)
    }
}

/// How much memory a prediction may take, and who is told of it beforehand.
public struct MemoryBudget: Sendable {
    /// The most bytes that the process may hold; nil for what the machine has free.
    public var limit: Int?
    /// A folder for the sums of windows that memory does not hold.
    public var scratch = FileManager.default.temporaryDirectory.path
    /// Called with the plan before the first window; what it throws ends the prediction.
    public var announce: (@Sendable (MemoryPlan) throws -> Void)?

    /// No limit but the machine's.
    public init() {}
}
