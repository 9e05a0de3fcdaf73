import COpenCL
internal import SegBackend
internal import SegCore
internal import Synchronization

/// A kernel: its name and the program that contains it.
struct Kernel: Sendable {
    let program: ProgramKey
    let name: String

    /// Creates a kernel of a file in `Kernels/`, specialised by definitions.
    init(_ file: String, _ name: String, defines: [(String, Int)]) {
        program = ProgramKey(
            file: file, standard: "CL1.2", defines: defines.map { "-D \($0)=\($1)" }.joined(separator: " "))
        self.name = name
    }

    /// Creates a kernel that reduces with sub-groups, or through local memory if `subGroups` is nil.
    init(_ file: String, _ name: String, subGroups: SubGroups?) {
        program = ProgramKey(
            file: file, standard: subGroups?.standard ?? "CL1.2", defines: subGroups == nil ? "" : "-D SUB_GROUPS=1")
        self.name = name
    }

    /// Creates a kernel without definitions.
    init(_ file: String, _ name: String) { self.init(file, name, defines: []) }
}

/// One argument of a launch; a view becomes two arguments.
enum KernelArgument {
    /// A pointer and the index of the first element; a null pointer for nil.
    case view(BufferView?)
    case int(Int)
    case uint(UInt32)
    /// A count of type uint in the kernel.
    case count(Int)
    /// A count of type ulong in the kernel, or a negative step, which wraps around.
    case long(Int)
    case float(Float)
    /// Four 32-bit integers.
    case int4(Int, Int, Int, Int)

    /// The bytes of the array of a view; 0 for other arguments.
    var byteCount: Int {
        guard case .view(let view?) = self else { return 0 }
        return view.count * view.dtype.byteCount
    }

    /// A Boolean as an integer, 0 or 1.
    static func flag(_ value: Bool) -> KernelArgument { .int(value ? 1 : 0) }

    /// Depth, height, width and a fourth number.
    static func triple(_ triple: Triple, _ fourth: Int) -> KernelArgument {
        .int4(triple.d, triple.h, triple.w, fourth)
    }
}

/// The cost of a launch in a profile.
struct LaunchCost {
    /// The multiply-adds of matrix products and convolutions.
    let multiplyAdds: Int
    /// The bytes read and written by a launch that uses only a part of its arrays; nil if the launch uses whole arrays.
    let bytes: Int?
}

/// The number of work-groups along each axis, and the number of items in each group.
struct LaunchGrid {
    let groups: (Int, Int, Int)
    let items: Int

    /// Creates a grid from numbers of groups along three axes.
    init(groups: (Int, Int, Int), items: Int) {
        self.groups = groups
        self.items = items
    }

    /// Creates a one-dimensional grid with enough groups for a number of items.
    init(covering count: Int) {
        self.init(groups: ((count + LaunchGrid.group - 1) / LaunchGrid.group, 1, 1), items: LaunchGrid.group)
    }

    /// The default number of items of a group: `GROUP` of common/prelude.cl.
    static let group = 128
}

/// The command queue. Arguments are set and kernels enqueued under one lock, because all threads share a kernel's
/// arguments.
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

    /// Enqueues a kernel that reads or writes each of its arrays once, with no multiply-adds to count.
    /// - Throws: `BackendError.failed` with the kernel, the definitions and OpenCL's error code.
    func run(_ kernel: Kernel, _ grid: LaunchGrid, _ arguments: [KernelArgument]) throws {
        try run(kernel, grid, arguments, LaunchCost(multiplyAdds: 0, bytes: nil))
    }

    /// Enqueues a kernel without waiting for it.
    /// - Throws: `BackendError.failed` with the kernel, the definitions and OpenCL's error code.
    func run(_ kernel: Kernel, _ grid: LaunchGrid, _ arguments: [KernelArgument], _ cost: LaunchCost) throws {
        let (x, y, z) = grid.groups
        guard x > 0 && y > 0 && z > 0 else { return }
        let what = { "kernel \(kernel.name) of \(kernel.program.file).cl \(kernel.program.defines)" }
        guard grid.items <= device.largestGroup else {
            throw BackendError.notSupported(
                backend: device.name, op: what(),
                reason: "it needs work-groups of \(grid.items) items, but the device "
                    + "allows at most \(device.largestGroup)")
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
                    backend: device.name, op: what(),
                    reason: "\(value) positions or channels are too many for 32-bit integers")
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
