import COpenCL
package import Foundation
public import SegBackend

/// The backend of a device with OpenCL 1.2: the kernels of `Kernels/`, one in-order queue, and memory from a pool.
public final class OpenCLBackend: Backend {
    let device: OpenCLDevice
    let pool: OpenCLBufferPool
    let launcher: OpenCLLauncher
    let staging: OpenCLStaging
    let tuning: OpenCLTuning
    /// The precision of products.
    let precision: Precision
    /// The matrix units of products; nil for f32 and fp16.
    let matrixUnits: MatrixUnits?
    let variants: OpenCLVariants
    private let context: OpenCLHandle

    /// Starts a device.
    /// - Parameters:
    ///   - profiling: Whether the device measures the time of each command.
    ///   - precision: The precision of products.
    /// - Throws: `BackendError.failed` if the driver fails; `notSupported` if the driver lacks the precision or gives
    ///   other results in it.
    public convenience init(_ device: OpenCLDevice, profiling: Bool, precision: Precision) throws {
        let environment = ProcessInfo.processInfo.environment
        let cache = OpenCLProgramCache.folder(environment)
        try self.init(
            device, forcing: nil, cache: cache, tuning: OpenCLTuning.file(of: device, folder: cache, environment),
            profiling: profiling, precision: precision, emulating: false)
    }

    /// Starts a device with one plan for all convolutions, or nil for the best plan of each.
    /// - Parameters:
    ///   - cache: The folder of compiled programs; nil to keep none.
    ///   - tuning: The file of tuned plans; nil for none.
    ///   - emulating: Whether ordinary instructions emulate the matrix units of the precision.
    package init(
        _ device: OpenCLDevice, forcing plan: ForcedPlan?, cache: URL?, tuning: URL?, profiling: Bool,
        precision: Precision, emulating: Bool
    ) throws {
        var status: Int32 = 0
        var id: OpaquePointer? = device.handle.pointer
        let context = clCreateContext(nil, 1, &id, nil, nil, &status)
        try OpenCLStatus.check(status, device.name, "starting the device")
        guard let context else { preconditionFailure("no context and no error") }
        let properties = cl_command_queue_properties(profiling ? CL_QUEUE_PROFILING_ENABLE : 0)
        let queue = clCreateCommandQueue(context, device.handle.pointer, properties, &status)
        guard let queue, status == CL_SUCCESS else {
            clReleaseContext(context)
            throw BackendError.failed(
                backend: device.name, operation: "making a command queue",
                reason: OpenCLStatus(code: status).description)
        }
        self.device = device
        self.precision = precision
        matrixUnits = MatrixUnits(precision, isEmulated: emulating)
        variants = OpenCLVariants(forcing: plan)
        self.tuning = OpenCLTuning(device: device, file: tuning)
        self.context = OpenCLHandle(context)
        pool = OpenCLBufferPool(context: self.context, device: device)
        launcher = OpenCLLauncher(
            queue: OpenCLHandle(queue), device: device,
            programs: OpenCLProgramCache(context: self.context, device: device, folder: cache),
            profiler: OpenCLProfiler(isTiming: profiling))
        staging = OpenCLStaging(context: self.context, queue: launcher.queue)
        try checkMatrixUnits()
        chooseSubGroups()
    }

    deinit {
        clFinish(launcher.queue.pointer)
        staging.release()
        clReleaseCommandQueue(launcher.queue.pointer)
        clReleaseContext(context.pointer)
    }

    /// The name for `--device`: `opencl:0`, `opencl:1`.
    public var name: String { device.name }

    /// The hardware, memory and driver.
    public var details: String {
        switch precision {
        case .fp32: device.details
        case .fp16: device.details + ", convolution weights in fp16"
        case .tf32, .bf16: device.details + ", \(precision.rawValue) products"
        }
    }

    /// The suffix that marks the keys of a precision in a tuning file.
    var precisionSuffix: String { precision == .fp32 ? "" : " \(precision.rawValue)" }

    /// 32-bit float.
    public var scalar: DType { .f32 }

    /// False also for devices that are the CPU.
    public var usesHostMemory: Bool { false }

    /// Compiles a kernel without running it.
    /// - Throws: `BackendError.failed` with the compiler's log.
    package func build(_ file: String, _ kernel: String, defines: [(String, Int)]) throws {
        try launcher.build(Kernel(file, kernel, defines: defines))
    }

    /// A line that explains why a tuning file that was found, or a variant that the device claims, is not used; nil if
    /// there is nothing to report.
    public var warning: String? {
        let reasons = [tuning.warning, variants.warning].compactMap(\.self)
        return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }

    /// Memory of the pool that an op uses while it runs. Commands run in order, so the memory may be released once they
    /// are enqueued.
    /// - Parameter op: The op's name for an error.
    func scratch(_ count: Int, for op: String = #function) throws -> BufferView {
        try allocate([count], .f32, for: "work memory of \(op.prefix { $0 != "(" })")
    }

    /// Device memory with numbers from the host; nil for none.
    func table(_ values: [Float]) throws -> BufferView? {
        guard !values.isEmpty else { return nil }
        let view = try scratch(values.count)
        try values.withUnsafeBytes { try upload($0, to: view) }
        return view
    }
}
