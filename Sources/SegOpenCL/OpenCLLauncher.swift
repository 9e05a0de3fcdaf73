import COpenCL
internal import SegBackend
internal import SegCore
internal import Synchronization

/// A kernel by the file that holds it.
struct Kernel: Sendable {
    let program: ProgramKey
    let name: String

    /// A kernel of a file in `Kernels/`, specialised by definitions.
    init(_ file: String, _ name: String, defines: [(String, Int)]) {
        program = ProgramKey(
            file: file, standard: "CL1.2", defines: defines.map { "-D \($0)=\($1)" }.joined(separator: " "))
        self.name = name
    }

    /// A kernel that reduces by sub-groups, or where they are nil through local memory.
    init(_ file: String, _ name: String, subGroups: SubGroups?) {
        program = ProgramKey(
            file: file, standard: subGroups?.standard ?? "CL1.2", defines: subGroups == nil ? "" : "-D SUB_GROUPS=1")
        self.name = name
    }

    /// A kernel that needs no definitions.
    init(_ file: String, _ name: String) { self.init(file, name, defines: []) }
}

/// One argument of a launch, or the two that a view becomes.
enum KernelArgument {
    /// A pointer and the number of the first element; a null pointer for nil.
    case view(BufferView?)
    case int(Int)
    case uint(UInt32)
    /// A count that a kernel takes as uint.
    case count(Int)
    /// A count that a kernel takes as ulong, or a step back, which wraps there.
    case long(Int)
    case float(Float)
    /// Four 32-bit integers.
    case int4(Int, Int, Int, Int)

    /// Bytes of the array, where it is one.
    var byteCount: Int {
        guard case .view(let view?) = self else { return 0 }
        return view.count * view.dtype.byteCount
    }

    /// A truth value as an integer.
    static func flag(_ value: Bool) -> KernelArgument { .int(value ? 1 : 0) }

    /// Depth, height, width and a fourth number.
    static func triple(_ triple: Triple, _ fourth: Int) -> KernelArgument {
        .int4(triple.d, triple.h, triple.w, fourth)
    }
}

/// What a launch stands for in a profile.
struct LaunchCost {
    /// Multiplications with an addition, of products alone.
    let multiplyAdds: Int
    /// Bytes moved where the launch touches only a part of its arrays; nil for the whole of each.
    let bytes: Int?
}

/// How many work-groups run, and of how many items each.
struct LaunchGrid {
    let groups: (Int, Int, Int)
    let items: Int

    /// Groups along three axes.
    init(groups: (Int, Int, Int), items: Int) {
        self.groups = groups
        self.items = items
    }

    /// Enough groups for a number of items in a row.
    init(covering count: Int) {
        self.init(groups: ((count + LaunchGrid.group - 1) / LaunchGrid.group, 1, 1), items: LaunchGrid.group)
    }

    /// Items of a group where nothing else is said: `GROUP` of the prelude.
    static let group = 128
}

/// The queue, and setting arguments and enqueueing as one step: a kernel's arguments belong to all threads.
final class OpenCLLauncher: Sendable {
    let queue: OpenCLHandle
    let profiler: OpenCLProfiler
    private let device: OpenCLDevice
    private let programs: Mutex<OpenCLProgramCache>

    init(queue: OpenCLHandle, device: OpenCLDevice, programs: OpenCLProgramCache, profiler: OpenCLProfiler) {
        self.queue = queue
        self.profiler = profiler
        self.device = device
        self.programs = Mutex(programs)
    }

    deinit { programs.withLock { $0.release() } }

    /// Compiles a kernel.
    func build(_ kernel: Kernel) throws {
        try programs.withLock { _ = try $0.kernel(kernel.name, of: kernel.program) }
    }

    /// Enqueues a kernel that reads or writes each of its arrays once and multiplies nothing worth counting.
    /// - Throws: `BackendError.failed` naming kernel, definitions and OpenCL's code.
    func run(_ kernel: Kernel, _ grid: LaunchGrid, _ arguments: [KernelArgument]) throws {
        try run(kernel, grid, arguments, LaunchCost(multiplyAdds: 0, bytes: nil))
    }

    /// Enqueues a kernel and returns.
    /// - Throws: `BackendError.failed` naming kernel, definitions and OpenCL's code.
    func run(_ kernel: Kernel, _ grid: LaunchGrid, _ arguments: [KernelArgument], _ cost: LaunchCost) throws {
        let (x, y, z) = grid.groups
        guard x > 0 && y > 0 && z > 0 else { return }
        let what = { "kernel \(kernel.name) of \(kernel.program.file).cl \(kernel.program.defines)" }
        guard grid.items <= device.largestGroup else {
            throw BackendError.notSupported(
                backend: device.name, op: what(),
                reason: "it needs work-groups of \(grid.items) items, the device "
                    + "allows \(device.largestGroup)")
        }
        try programs.withLock { programs in
            let handle = try programs.kernel(kernel.name, of: kernel.program)
            var index: cl_uint = 0
            for argument in arguments { try set(argument, of: handle, &index, what) }
            var global = [x * grid.items, y, z]
            var local = [grid.items, 1, 1]
            let work = DeviceWork(
                flops: 2 * cost.multiplyAdds, bytes: cost.bytes ?? arguments.map(\.byteCount).reduce(0, +), commands: 1)
            try profiler.record(kernel.name, "\(kernel.program.file).cl \(kernel.program.defines)", work) { event in
                let status = clEnqueueNDRangeKernel(
                    queue.pointer, handle.pointer, 3, nil, &global, &local, 0, nil, event)
                try OpenCLStatus.check(status, device.name, what())
            }
        }
    }

    private func set(
        _ argument: KernelArgument, of kernel: OpenCLHandle, _ index: inout cl_uint, _ what: () -> String
    ) throws {
        func narrow<T: FixedWidthInteger>(_ value: Int, _ type: T.Type) throws -> T {
            guard let value = T(exactly: value) else {
                throw BackendError.notSupported(
                    backend: device.name, op: what(), reason: "\(value) positions or channels are too many")
            }
            return value
        }
        func put<T>(_ value: T) throws {
            let status = withUnsafeBytes(of: value) {
                clSetKernelArg(kernel.pointer, index, $0.count, $0.baseAddress)
            }
            try OpenCLStatus.check(status, device.name, "argument \(index) of \(what())")
            index += 1
        }
        switch argument {
        case .view(let view):
            try put(view?.memory as OpaquePointer?)
            try put(UInt64(view?.offset ?? 0))
        case .int(let value): try put(try narrow(value, Int32.self))
        case .uint(let value): try put(value)
        case .count(let value): try put(try narrow(value, UInt32.self))
        case .long(let value): try put(UInt64(bitPattern: Int64(value)))
        case .float(let value): try put(value)
        case .int4(let a, let b, let c, let d):
            try put(
                SIMD4(
                    try narrow(a, Int32.self), try narrow(b, Int32.self), try narrow(c, Int32.self),
                    try narrow(d, Int32.self)))
        }
    }
}

extension BufferView {
    /// The device memory of the view's buffer.
    var memory: OpaquePointer {
        guard let buffer = buffer as? OpenCLBuffer else { preconditionFailure("a buffer of another backend") }
        return buffer.handle.pointer
    }
}
