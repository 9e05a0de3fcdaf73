import COpenCL
internal import SegBackend

/// A device of this machine and what it says of itself.
public struct OpenCLDevice: Sendable {
    let handle: OpenCLHandle
    /// What `--device` calls it: `opencl:0`.
    public let name: String
    /// The hardware, in the vendor's words.
    public let hardware: String
    /// Whether it is a graphics processor.
    public let isGPU: Bool
    /// Bytes of its memory.
    public let memory: Int
    /// Driver and its version, part of the key of compiled programs.
    let driver: String
    /// Most bytes of a single buffer.
    let largestAllocation: Int
    /// Most items of a work-group.
    let largestGroup: Int
    /// Bytes of local memory of a work-group.
    let localMemory: Int
    let computeUnits: Int

    /// Every device of every platform, in the order of the installed drivers; empty where there is none.
    public static func all() -> [OpenCLDevice] {
        platforms().flatMap { platform in
            list { clGetDeviceIDs(platform, cl_device_type(CL_DEVICE_TYPE_ALL), $0, $1, $2) }
        }.enumerated().map { OpenCLDevice($1, index: $0) }
    }

    /// The GPU with the most memory, the first of equals.
    public static func largestGPU(among devices: [OpenCLDevice]) -> OpenCLDevice? {
        devices.filter(\.isGPU).reduce(nil) { best, device in
            best.map { $0.memory >= device.memory } == true ? best : device
        }
    }

    /// Hardware, kind, memory and driver in one line.
    public var details: String {
        "\(hardware), \(isGPU ? "GPU" : "CPU or accelerator"), \(computeUnits) compute units, "
            + "\(memory >> 20) MiB, \(driver)"
    }

    private init(_ id: OpaquePointer, index: Int) {
        func text(_ field: Int32) -> String {
            Self.text { clGetDeviceInfo(id, cl_device_info(field), $0, $1, $2) }
        }
        func number<T: FixedWidthInteger>(_ field: Int32, _ zero: T) -> Int {
            var value = zero
            let status = clGetDeviceInfo(id, cl_device_info(field), MemoryLayout<T>.size, &value, nil)
            return status == CL_SUCCESS ? Int(clamping: value) : 0
        }
        handle = OpenCLHandle(id)
        name = "opencl:\(index)"
        hardware = text(CL_DEVICE_NAME)
        driver = "\(text(CL_DEVICE_VERSION)), driver \(text(CL_DRIVER_VERSION))"
        isGPU = number(CL_DEVICE_TYPE, cl_device_type(0)) & Int(CL_DEVICE_TYPE_GPU) != 0
        memory = number(CL_DEVICE_GLOBAL_MEM_SIZE, cl_ulong(0))
        largestAllocation = number(CL_DEVICE_MAX_MEM_ALLOC_SIZE, cl_ulong(0))
        largestGroup = number(CL_DEVICE_MAX_WORK_GROUP_SIZE, 0 as Int)
        localMemory = number(CL_DEVICE_LOCAL_MEM_SIZE, cl_ulong(0))
        computeUnits = number(CL_DEVICE_MAX_COMPUTE_UNITS, cl_uint(0))
    }

    private static func platforms() -> [OpaquePointer] { list { clGetPlatformIDs($0, $1, $2) } }

    /// Asks an OpenCL function for a count, then for that many handles.
    private static func list(
        _ query: (cl_uint, UnsafeMutablePointer<OpaquePointer?>?, UnsafeMutablePointer<cl_uint>?) -> Int32
    ) -> [OpaquePointer] {
        var count: cl_uint = 0
        guard query(0, nil, &count) == CL_SUCCESS, count > 0 else { return [] }
        var handles = [OpaquePointer?](repeating: nil, count: Int(count))
        guard query(count, &handles, nil) == CL_SUCCESS else { return [] }
        return handles.compactMap(\.self)
    }

    /// Asks an OpenCL function for a length, then for that much text.
    static func text(
        _ query: (Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?) -> Int32
    ) -> String {
        var length = 0
        guard query(0, nil, &length) == CL_SUCCESS, length > 0 else { return "unknown" }
        var bytes = [UInt8](repeating: 0, count: length)
        guard query(length, &bytes, nil) == CL_SUCCESS else { return "unknown" }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
