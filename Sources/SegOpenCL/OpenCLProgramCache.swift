import COpenCL
import Foundation
internal import SegBackend
internal import SegCore
internal import SegKernels

/// A kernel file and the definitions that specialise it.
struct ProgramKey: Hashable, Sendable {
    /// The folder and file: `conv3d/conv3d_gemm`.
    let file: String
    /// The version of OpenCL C: `CL1.2`.
    let standard: String
    /// The `-D` definitions, in a fixed order.
    let defines: String
}

/// The compiled programs: the programs in use are in memory, and all are on disk.
///
/// The name of a file is the hash (`XXHash64.hex`) of source, options, device and driver. A file begins with the hash of
/// the program after it, and is replaced as a whole, so processes may share the folder. If a file is damaged, the
/// program is compiled again. The folder is `$MEDSEG_CACHE`, else `medseg` in `UserCache.folder`; an empty
/// `MEDSEG_CACHE` turns the cache off. The cache is used under the launcher's lock.
struct OpenCLProgramCache {
    private let context: OpenCLHandle
    private let device: OpenCLDevice
    private let folder: URL?
    private var kernels: [String: OpenCLHandle] = [:]
    private var programs: [ProgramKey: OpenCLHandle] = [:]

    init(context: OpenCLHandle, device: OpenCLDevice, folder: URL?) {
        self.context = context
        self.device = device
        self.folder = folder
        if let folder { DurableFile.removeLeftovers(in: folder.path) }
    }

    /// The cache folder that an environment sets; nil if the cache is off.
    static func folder(_ environment: [String: String]) -> URL? {
        if let own = environment["MEDSEG_CACHE"] { return own.isEmpty ? nil : URL(fileURLWithPath: own) }
        return URL(fileURLWithPath: UserCache.folder(in: environment)).appendingPathComponent("medseg")
    }

    /// The kernel with a name; its program is compiled if necessary.
    mutating func kernel(_ name: String, of key: ProgramKey) throws -> OpenCLHandle {
        let id = "\(key.file) \(name) \(key.standard) \(key.defines)"
        if let kernel = kernels[id] { return kernel }
        let program = try programs[key] ?? build(key)
        programs[key] = program
        var status: Int32 = 0
        let kernel = clCreateKernel(program.pointer, name, &status)
        try OpenCLStatus.check(status, device.name, "finding kernel \(name) in \(key.file).cl")
        guard let kernel else { preconditionFailure("no kernel and no error") }
        kernels[id] = OpenCLHandle(kernel)
        return OpenCLHandle(kernel)
    }

    /// Releases all kernels and programs; no kernel may be requested afterwards.
    mutating func release() {
        for kernel in kernels.values { clReleaseKernel(kernel.pointer) }
        for program in programs.values { clReleaseProgram(program.pointer) }
        kernels.removeAll()
        programs.removeAll()
    }

    private func build(_ key: ProgramKey) throws -> OpenCLHandle {
        let source = try KernelLibrary.source(key.file)
        let options = "-cl-std=\(key.standard) -cl-mad-enable" + (key.defines.isEmpty ? "" : " " + key.defines)
        let identity = [source, options, device.hardware, device.driver].joined(separator: "\u{0}")
        let file = folder?.appendingPathComponent(XXHash64.hex(identity.utf8) + ".clbin")
        if let file, let program = load(file, options) { return program }
        let program = try compile(key, source, options)
        if let file { store(program, in: file) }
        return program
    }

    private func compile(_ key: ProgramKey, _ source: String, _ options: String) throws -> OpenCLHandle {
        var status: Int32 = 0
        let program = source.withCString { text in
            var text: UnsafePointer<CChar>? = text
            return clCreateProgramWithSource(context.pointer, 1, &text, nil, &status)
        }
        try OpenCLStatus.check(status, device.name, "reading \(key.file).cl")
        guard let program else { preconditionFailure("no program and no error") }
        var id: OpaquePointer? = device.handle.pointer
        let built = clBuildProgram(program, 1, &id, options, nil, nil)
        guard built == CL_SUCCESS else {
            let log = OpenCLDevice.text {
                clGetProgramBuildInfo(
                    program, device.handle.pointer, cl_program_build_info(CL_PROGRAM_BUILD_LOG), $0, $1, $2)
            }
            clReleaseProgram(program)
            throw BackendError.failed(
                backend: device.name, operation: "compiling \(key.file).cl with '\(options)'",
                reason: "\(OpenCLStatus(code: built)): \(log)")
        }
        return OpenCLHandle(program)
    }

    // MARK: Disk

    private func load(_ file: URL, _ options: String) -> OpenCLHandle? {
        guard let data = try? Data(contentsOf: file), data.count > 32 else { return nil }
        let binary = [UInt8](data.dropFirst(32))
        guard data.prefix(32).elementsEqual(XXHash64.hex(binary).utf8) else { return nil }
        var id: OpaquePointer? = device.handle.pointer
        var (length, status, binaryStatus) = (binary.count, Int32(0), Int32(0))
        let program = binary.withUnsafeBufferPointer { bytes in
            var pointer = bytes.baseAddress
            return clCreateProgramWithBinary(context.pointer, 1, &id, &length, &pointer, &binaryStatus, &status)
        }
        guard let program else { return nil }
        guard status == CL_SUCCESS, binaryStatus == CL_SUCCESS,
            clBuildProgram(program, 1, &id, options, nil, nil) == CL_SUCCESS
        else {
            clReleaseProgram(program)
            return nil
        }
        return OpenCLHandle(program)
    }

    /// Writes a program to a file. An error is ignored, because it only costs a compilation in the next run.
    private func store(_ program: OpenCLHandle, in file: URL) {
        var length = 0
        let sizes = cl_program_info(CL_PROGRAM_BINARY_SIZES)
        guard clGetProgramInfo(program.pointer, sizes, MemoryLayout<Int>.size, &length, nil) == CL_SUCCESS, length > 0
        else { return }
        var binary = [UInt8](repeating: 0, count: length)
        let status = binary.withUnsafeMutableBufferPointer { bytes in
            var pointer = bytes.baseAddress
            return clGetProgramInfo(
                program.pointer, cl_program_info(CL_PROGRAM_BINARIES), MemoryLayout<UnsafeRawPointer>.size, &pointer,
                nil)
        }
        guard status == CL_SUCCESS else { return }
        let folder = file.deletingLastPathComponent()
        guard (try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)) != nil else {
            return
        }
        try? DurableFile.write(Array(XXHash64.hex(binary).utf8) + binary, to: file.path)
    }
}
