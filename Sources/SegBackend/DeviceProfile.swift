/// One command that a device ran, timed by the device's own clock.
public struct DeviceCommand: Hashable, Sendable {
    /// The name of a kernel, or `upload`, `download` or `fill`.
    public var name: String
    /// The kernel's file and definitions; empty for a transfer.
    public var detail: String
    /// The time of the device's clock at the start of the command, in nanoseconds.
    public var start: UInt64
    /// The time of the device's clock at the end of the command, in nanoseconds.
    public var end: UInt64
    /// The operations and bytes of the command.
    public var work: DeviceWork

    /// Creates a record.
    public init(name: String, detail: String, start: UInt64, end: UInt64, work: DeviceWork) {
        (self.name, self.detail, self.start, self.end, self.work) = (name, detail, start, end, work)
    }

    /// The time on the device, in seconds.
    public var seconds: Double { Double(end - min(start, end)) / 1e9 }
}

/// The floating-point operations and memory traffic of commands.
public struct DeviceWork: Hashable, Sendable {
    /// Floating-point operations of matrix products and convolutions, a multiply-add counted as two; 0 for a command
    /// that only moves or maps elements.
    public var flops: Int
    /// Bytes of the arrays that a command reads or writes, each array counted once.
    public var bytes: Int
    /// The number of commands.
    public var commands: Int

    /// Creates a count.
    public init(flops: Int, bytes: Int, commands: Int) {
        (self.flops, self.bytes, self.commands) = (flops, bytes, commands)
    }

    /// The sum of two counts.
    public static func + (a: DeviceWork, b: DeviceWork) -> DeviceWork {
        DeviceWork(flops: a.flops + b.flops, bytes: a.bytes + b.bytes, commands: a.commands + b.commands)
    }

    /// The difference between a count and an earlier count.
    public static func - (a: DeviceWork, b: DeviceWork) -> DeviceWork {
        DeviceWork(flops: a.flops - b.flops, bytes: a.bytes - b.bytes, commands: a.commands - b.commands)
    }
}

/// The measured maximum speeds of a device.
public struct DevicePeaks: Hashable, Sendable {
    /// Floating-point operations per second of multiply-adds in registers, f32.
    public var flops: Double
    /// Bytes per second of a copy, read and written bytes together.
    public var bytes: Double

    /// Creates a measurement.
    public init(flops: Double, bytes: Double) { (self.flops, self.bytes) = (flops, bytes) }
}

/// A backend whose device reports how long each command took.
public protocol ProfilingBackend: Backend {
    /// Waits, and returns the commands since the last call in the order in which they ran; empty if the backend was
    /// started without profiling.
    func takeCommands() throws -> [DeviceCommand]

    /// The sum of all commands since the backend was started.
    var work: DeviceWork { get }

    /// Measures the speed of multiply-adds and of copies; this takes about a second.
    func measurePeaks() throws -> DevicePeaks
}

/// A backend that can be forced to use one of its algorithms, for tests and timings of each.
public protocol ForceableBackend: Backend {
    /// The names of the algorithms that `force` accepts.
    var forceable: [String] { get }

    /// Uses one algorithm for every op that it supports, instead of the default or tuned one.
    /// - Parameter name: One of `forceable`.
    /// - Throws: `BackendError.notSupported`, which lists the algorithms or gives the reason why the algorithm does not
    ///   run on this driver.
    func force(_ name: String) throws
}

/// A backend that can search for the fastest algorithm of each op.
public protocol TunableBackend: ForceableBackend {
    /// Whether an op with new sizes is timed with every algorithm, and the fastest is kept.
    var isTuning: Bool { get set }

    /// The plans that were read from a file or found since a search began: op and sizes as keys, algorithms as values.
    var tunedPlans: [String: String] { get }

    /// Writes the plans to the file in which later runs on this device and driver look for them; returns the path.
    /// - Throws: `BackendError.failed` if the file cannot be written.
    func saveTuning() throws -> String
}
