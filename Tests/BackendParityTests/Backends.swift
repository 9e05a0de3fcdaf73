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

/// The one list of backends that the parity tests hold against the reference.
///
/// The reference itself is among them: its guard bands and its repeatability are checked as everyone's are.
let backends: [BackendFactory] =
    [
        BackendFactory(name: "reference") { ReferenceBackend() },
        BackendFactory(name: "cpu") { try CPUBackend(threads: 2) },
    ] + openCLBackends

/// One for each OpenCL device of this machine; empty where there is none, which `OpenCLTests` says aloud.
let openCLBackends: [BackendFactory] = OpenCLDevice.all().map { device in
    BackendFactory(name: device.name) { try OpenCLBackend(device, profiling: false, precision: .fp32) }
}

/// Backends whose number of threads can be chosen; their results must not depend on it.
let threadedBackends: [(name: String, make: @Sendable (_ threads: Int) throws -> any Backend)] = [
    ("cpu", { try CPUBackend(threads: $0) })
]
