import COpenCL
package import Foundation
public import SegBackend

/// A device with OpenCL 1.2: kernels of `Kernels/`, one in-order queue, memory from a pool.
public final class OpenCLBackend: Backend {
    let device: OpenCLDevice
    let pool: OpenCLBufferPool
    let launcher: OpenCLLauncher
    /// What every convolution is computed by; nil leaves it to `choose`.
    let forcedConvolution: OpenCLConv3dAlgorithm?
    private let context: OpenCLHandle

    /// Starts a device.
    /// - Throws: `BackendError.failed` where the driver refuses.
    public convenience init(_ device: OpenCLDevice) throws {
        try self.init(device, convolution: nil, cache: OpenCLProgramCache.folder(ProcessInfo.processInfo.environment))
    }

    /// Starts a device with one algorithm for all convolutions, or nil for the best of each.
    /// - Parameter cache: where compiled programs are kept; nil for nowhere.
    package init(_ device: OpenCLDevice, convolution: OpenCLConv3dAlgorithm?, cache: URL?) throws {
        var status: Int32 = 0
        var id: OpaquePointer? = device.handle.pointer
        let context = clCreateContext(nil, 1, &id, nil, nil, &status)
        try OpenCLStatus.check(status, device.name, "starting the device")
        guard let context else { preconditionFailure("no context and no error") }
        let queue = clCreateCommandQueue(context, device.handle.pointer, 0, &status)
        guard let queue, status == CL_SUCCESS else {
            clReleaseContext(context)
            throw BackendError.failed(
                backend: device.name, operation: "making a command queue",
                reason: OpenCLStatus(code: status).description)
        }
        self.device = device
        forcedConvolution = convolution
        self.context = OpenCLHandle(context)
        pool = OpenCLBufferPool(context: self.context, device: device)
        launcher = OpenCLLauncher(
            queue: OpenCLHandle(queue), device: device,
            programs: OpenCLProgramCache(context: self.context, device: device, folder: cache))
    }

    deinit {
        clFinish(launcher.queue.pointer)
        clReleaseCommandQueue(launcher.queue.pointer)
        clReleaseContext(context.pointer)
    }

    /// `opencl:0`, `opencl:1`.
    public var name: String { device.name }

    /// Hardware, memory and driver.
    public var details: String { device.details }

    /// 32-bit float.
    public var scalar: DType { .f32 }

    /// Memory of the pool that an op uses while it runs; commands run in order, so it may be dropped once enqueued.
    func scratch(_ count: Int) throws -> BufferView { try allocate([count], .f32) }

    /// Numbers from the host for a kernel to read; nil for none.
    func table(_ values: [Float]) throws -> BufferView? {
        guard !values.isEmpty else { return nil }
        let view = try scratch(values.count)
        try values.withUnsafeBytes { try upload($0, to: view) }
        return view
    }
}
