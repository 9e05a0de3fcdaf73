import COpenCL
package import Foundation
public import SegBackend

/// A device with OpenCL 1.2: kernels of `Kernels/`, one in-order queue, memory from a pool.
public final class OpenCLBackend: Backend {
    let device: OpenCLDevice
    let pool: OpenCLBufferPool
    let launcher: OpenCLLauncher
    let staging: OpenCLStaging
    let tuning: OpenCLTuning
    /// In what numbers products are taken.
    let precision: Precision
    /// What products go through; nil for f32.
    let matrixUnits: MatrixUnits?
    let variants: OpenCLVariants
    private let context: OpenCLHandle

    /// Starts a device.
    /// - Parameters:
    ///   - profiling: Whether the device takes the time of each command.
    ///   - precision: In what numbers products are taken.
    /// - Throws: `BackendError.failed` where the driver refuses, `notSupported` where it lacks the precision or computes
    ///   something else in it.
    public convenience init(_ device: OpenCLDevice, profiling: Bool, precision: Precision) throws {
        let environment = ProcessInfo.processInfo.environment
        let cache = OpenCLProgramCache.folder(environment)
        try self.init(
            device, forcing: nil, cache: cache, tuning: OpenCLTuning.file(of: device, folder: cache, environment),
            profiling: profiling, precision: precision, emulating: false)
    }

    /// Starts a device with one way for all convolutions, or nil for the best of each.
    /// - Parameters:
    ///   - cache: Where compiled programs are kept; nil for nowhere.
    ///   - tuning: The file of tuned plans; nil for none.
    ///   - emulating: Whether ordinary instructions take the part of the matrix units that a precision needs.
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

    /// `opencl:0`, `opencl:1`.
    public var name: String { device.name }

    /// Hardware, memory and driver.
    public var details: String {
        switch precision {
        case .fp32: device.details
        case .fp16: device.details + ", convolution weights in fp16"
        case .tf32, .bf16: device.details + ", \(precision.rawValue) products"
        }
    }

    /// What sets the plans of a precision apart in a tuning file.
    var precisionSuffix: String { precision == .fp32 ? "" : " \(precision.rawValue)" }

    /// 32-bit float.
    public var scalar: DType { .f32 }

    /// Compiles a kernel without running it.
    /// - Throws: `BackendError.failed` with the compiler's log.
    package func build(_ file: String, _ kernel: String, defines: [(String, Int)]) throws {
        try launcher.build(Kernel(file, kernel, defines: defines))
    }

    /// Why a tuning file that was found, or a variant that the device claims, is not used, in one line; nil where all is well.
    public var warning: String? {
        let reasons = [tuning.warning, variants.warning].compactMap(\.self)
        return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }

    /// Memory of the pool that an op uses while it runs; commands run in order, so it may be dropped once enqueued.
    /// - Parameter op: Whose memory it is, for an error.
    func scratch(_ count: Int, for op: String = #function) throws -> BufferView {
        try allocate([count], .f32, for: "work memory of \(op.prefix { $0 != "(" })")
    }

    /// Numbers from the host for a kernel to read; nil for none.
    func table(_ values: [Float]) throws -> BufferView? {
        guard !values.isEmpty else { return nil }
        let view = try scratch(values.count)
        try values.withUnsafeBytes { try upload($0, to: view) }
        return view
    }
}
