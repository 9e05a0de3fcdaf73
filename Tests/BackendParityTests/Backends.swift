import SegBackend
import SegCPU
import SegOpenCL
import SegReference

/// A backend under test, by name.
struct BackendFactory: Sendable, CustomStringConvertible {
    let name: String
    let make: @Sendable () throws -> any Backend

    var description: String { name }
}

/// The list of backends that the parity tests compare with the reference.
///
/// The reference itself is in the list: its guard bands and its repeatability are checked like those of every backend.
let backends: [BackendFactory] =
    [
        BackendFactory(name: "reference") { ReferenceBackend() },
        BackendFactory(name: "cpu") { try CPUBackend(threads: 2) },
    ] + openCLBackends

/// One backend per OpenCL device of this machine; empty if there is none, which `OpenCLTests` reports.
let openCLBackends: [BackendFactory] = OpenCLDevice.all().map { device in
    BackendFactory(name: device.name) { try OpenCLBackend(device, profiling: false, precision: .fp32) }
}

/// Backends with a selectable number of threads; their results must not depend on it.
let threadedBackends: [(name: String, make: @Sendable (_ threads: Int) throws -> any Backend)] = [
    ("cpu", { try CPUBackend(threads: $0) })
]
