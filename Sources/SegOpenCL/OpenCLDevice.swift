import COpenCL
internal import SegBackend

/// A device of this machine and its properties, as reported by its driver.
public struct OpenCLDevice: Sendable {
    let handle: OpenCLHandle
    /// The name for `--device`: `opencl:0`.
    public let name: String
    /// The vendor's name of the hardware.
    public let hardware: String
    /// Whether the device is a GPU.
    public let isGPU: Bool
    /// The bytes of its memory.
    public let memory: Int
    /// The driver and its version; part of the key of compiled programs.
    let driver: String
    /// The maximum number of bytes of a buffer.
    let largestAllocation: Int
    /// The maximum number of items of a work-group.
    let largestGroup: Int
    /// The bytes of local memory of a work-group.
    let localMemory: Int
    let computeUnits: Int
    /// The names of the extensions of OpenCL 1.2 that it supports.
    let extensions: Set<String>
    /// Whether it has the matrix units of NVIDIA GPUs of compute capability 8.0 or higher.
    let hasMatrixUnits: Bool

    /// Every device of every platform, in the order of the installed drivers; empty if there is none.
    public static func all() -> [OpenCLDevice] {
        platforms().flatMap { platform in
            list { clGetDeviceIDs(platform, cl_device_type(CL_DEVICE_TYPE_ALL), $0, $1, $2) }
        }.enumerated().map { OpenCLDevice($1, index: $0) }
    }

    /// The GPU with the most memory; of equal GPUs, the first.
    public static func largestGPU(among devices: [OpenCLDevice]) -> OpenCLDevice? {
        devices.filter(\.isGPU).reduce(nil) { best, device in
            best.map { $0.memory >= device.memory } == true ? best : device
        }
    }

    /// The GPU with the most memory and all GPUs that equal it in every property.
    public static func largestGPUs(among devices: [OpenCLDevice]) -> [OpenCLDevice] {
        guard let largest = largestGPU(among: devices) else { return [] }
        return devices.filter { $0.isGPU && $0.details == largest.details }
    }

    /// The hardware, kind, memory and driver in one line.
    public var details: String {
        "\(hardware), \(isGPU ? "GPU" : "CPU or accelerator"), \(computeUnits) compute units, "
            + "\(memory >> 20) MiB, \(driver)"
    }

    private init(_ id: OpaquePointer, index: Int) {
        self.init(
            OpenCLHandle(id), index: index,
            text: { field in
                Self.text { clGetDeviceInfo(id, cl_device_info(field), $0, $1, $2) }
            },
            number: { field, size in
                // The host is little-endian, so a field of 4 bytes fills the lower half.
                var value: UInt64 = 0
                let status = clGetDeviceInfo(id, cl_device_info(field), size, &value, nil)
                return status == CL_SUCCESS ? Int(clamping: value) : nil
            })
    }

    /// Creates a device from the values of its fields; `number` returns nil for a field that a driver does not have.
    ///
    /// A missing field has the minimum that OpenCL 1.2 guarantees, or no limit; the driver then refuses larger requests.
    init(
        _ handle: OpenCLHandle, index: Int, text: (Int32) -> String, number: (_ field: Int32, _ size: Int) -> Int?
    ) {
        func positive(_ field: Int32, _ size: Int) -> Int? { number(field, size).flatMap { $0 > 0 ? $0 : nil } }
        self.handle = handle
        name = "opencl:\(index)"
        hardware = text(CL_DEVICE_NAME)
        driver = "\(text(CL_DEVICE_VERSION)), driver \(text(CL_DRIVER_VERSION))"
        isGPU = (number(CL_DEVICE_TYPE, 8) ?? 0) & Int(CL_DEVICE_TYPE_GPU) != 0
        memory = number(CL_DEVICE_GLOBAL_MEM_SIZE, 8) ?? 0
        largestAllocation = positive(CL_DEVICE_MAX_MEM_ALLOC_SIZE, 8) ?? max(memory / 4, 128 << 20)
        largestGroup = positive(CL_DEVICE_MAX_WORK_GROUP_SIZE, MemoryLayout<Int>.size) ?? .max
        localMemory = positive(CL_DEVICE_LOCAL_MEM_SIZE, 8) ?? 32 << 10
        computeUnits = positive(CL_DEVICE_MAX_COMPUTE_UNITS, 4) ?? 1
        // 0x10DE is NVIDIA's CL_DEVICE_VENDOR_ID; 0x4000 is CL_DEVICE_COMPUTE_CAPABILITY_MAJOR_NV, from NVIDIA's own OpenCL
        // header.
        hasMatrixUnits = number(CL_DEVICE_VENDOR_ID, 4) == 0x10DE && (number(0x4000, 4) ?? 0) >= 8
        extensions = Set(text(CL_DEVICE_EXTENSIONS).split(separator: " ").map(String.init))
    }

    /// Creates a device that reports the given numbers, by field, and no other property. It cannot be started.
    package init(answering numbers: [Int32: Int]) {
        guard let nowhere = OpaquePointer(bitPattern: 1) else { preconditionFailure("1 is not a null pointer") }
        self.init(OpenCLHandle(nowhere), index: 7, text: { _ in "unknown" }, number: { field, _ in numbers[field] })
    }

    /// The maximum number of bytes of a buffer, the bytes of local memory, and the maximum number of items of a
    /// work-group.
    package var limits: (allocation: Int, localMemory: Int, group: Int) {
        (largestAllocation, localMemory, largestGroup)
    }

    /// The reason why the ICD loader could not be opened; nil if it is open.
    public static var missingLoader: String? { opencl_missing().map { String(cString: $0) } }

    private static func platforms() -> [OpaquePointer] { list { clGetPlatformIDs($0, $1, $2) } }

    /// The handles that an OpenCL function returns; the first call gets their number.
    private static func list(
        _ query: (cl_uint, UnsafeMutablePointer<OpaquePointer?>?, UnsafeMutablePointer<cl_uint>?) -> Int32
    ) -> [OpaquePointer] {
        var count: cl_uint = 0
        guard query(0, nil, &count) == CL_SUCCESS, count > 0 else { return [] }
        var handles = [OpaquePointer?](repeating: nil, count: Int(count))
        guard query(count, &handles, nil) == CL_SUCCESS else { return [] }
        return handles.compactMap(\.self)
    }

    /// The text that an OpenCL function returns; the first call gets its length.
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
