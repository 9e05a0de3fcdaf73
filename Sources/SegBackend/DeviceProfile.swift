/// One command that a device ran, timed by the device's own clock.
public struct DeviceCommand: Hashable, Sendable {
    /// A kernel, or `upload`, `download`, `fill`.
    public var name: String
    /// The kernel's file and definitions; empty for a transfer.
    public var detail: String
    /// Nanoseconds of the device's clock.
    public var start: UInt64
    /// Nanoseconds of the device's clock.
    public var end: UInt64
    /// What was asked for.
    public var work: DeviceWork

    /// Makes a record.
    public init(name: String, detail: String, start: UInt64, end: UInt64, work: DeviceWork) {
        (self.name, self.detail, self.start, self.end, self.work) = (name, detail, start, end, work)
    }

    /// Time on the device.
    public var seconds: Double { Double(end - min(start, end)) / 1e9 }
}

/// Operations and traffic that commands stand for.
public struct DeviceWork: Hashable, Sendable {
    /// Floating-point operations of products, a multiply-add counted as two; 0 for what only moves or maps elements.
    public var flops: Int
    /// Bytes of the arrays that a command reads or writes, each array counted once.
    public var bytes: Int
    /// Commands.
    public var commands: Int

    /// Makes a count.
    public init(flops: Int, bytes: Int, commands: Int) {
        (self.flops, self.bytes, self.commands) = (flops, bytes, commands)
    }

    /// Both together.
    public static func + (a: DeviceWork, b: DeviceWork) -> DeviceWork {
        DeviceWork(flops: a.flops + b.flops, bytes: a.bytes + b.bytes, commands: a.commands + b.commands)
    }

    /// What came after an earlier count.
    public static func - (a: DeviceWork, b: DeviceWork) -> DeviceWork {
        DeviceWork(flops: a.flops - b.flops, bytes: a.bytes - b.bytes, commands: a.commands - b.commands)
    }
}

/// What a device was measured to do at most.
public struct DevicePeaks: Hashable, Sendable {
    /// Floating-point operations a second of multiply-adds in registers, f32.
    public var flops: Double
    /// Bytes a second, read and written, of a copy.
    public var bytes: Double

    /// Makes a measurement.
    public init(flops: Double, bytes: Double) { (self.flops, self.bytes) = (flops, bytes) }
}

/// A backend whose device says how long each command took.
public protocol ProfilingBackend: Backend {
    /// Waits, and returns the commands since the last call in the order they ran; empty where it was not started for it.
    func takeCommands() throws -> [DeviceCommand]

    /// Everything asked for since the backend was started.
    var work: DeviceWork { get }

    /// Measures multiply-adds and copies; takes about a second.
    func measurePeaks() throws -> DevicePeaks
}

/// A backend that can be told by name how to compute, to prove and to time each way.
public protocol ForceableBackend: Backend {
    /// Names of the ways of computing that `force` takes.
    var forceable: [String] { get }

    /// Computes in one way wherever it can be taken, whatever is usual or tuned.
    /// - Parameter name: One of `forceable`.
    /// - Throws: `BackendError.notSupported` listing what there is, or saying why it does not run on this driver.
    func force(_ name: String) throws
}

/// A backend that can search for the fastest way to compute each op.
public protocol TunableBackend: ForceableBackend {
    /// Whether an op of sizes not met before is timed in every way there is, and the fastest kept.
    var isTuning: Bool { get set }

    /// What was read, or found since a search began: op and sizes, and the way in which it is computed.
    var tunedPlans: [String: String] { get }

    /// Writes what was found where later runs on this device and driver look for it; returns the file.
    /// - Throws: `BackendError.failed` where it cannot be written.
    func saveTuning() throws -> String
}
