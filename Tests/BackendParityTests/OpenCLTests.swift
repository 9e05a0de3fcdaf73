import Foundation
import SegBackend
import SegDevices
import SegOpCases
import SegOpenCL
import SegReference
import SegTestNeeds
import Testing

/// Properties of the OpenCL backend alone; skipped if the machine has no OpenCL device.
@Suite(.needs("An OpenCL device (package pocl-opencl-icd)") { !OpenCLDevice.all().isEmpty })
struct OpenCLTests {
    /// One backend per device and algorithm, shared by all tests.
    private static let forced = Result {
        try OpenCLDevice.all().flatMap { device in
            try OpenCLConv3dAlgorithm.allCases.map {
                (
                    "\(device.name) \($0)",
                    try OpenCLBackend(
                        device, forcing: .algorithm($0), cache: nil, tuning: nil, profiling: false,
                        precision: .fp32, emulating: false)
                )
            }
        }
    }
    private static let convolutions = OpCases.all.filter { $0.op.hasPrefix("conv") }

    @Test(arguments: convolutions)
    func everyConvolutionAgreesByEveryAlgorithm(_ opCase: OpCase) throws {
        for (name, backend) in try Self.forced.get() {
            let parity = try Parity(opCase, on: backend, against: ReferenceBackend())
            #expect(!parity.rows.isEmpty && parity.passes, "\(name): \(parity)")
        }
    }

    /// Runs every tile that a tuner may choose on some cases of each family.
    @Test(arguments: ForcedPlan.tiles)
    func everyTileAgrees(_ tile: Int) throws {
        let families = ["conv3d", "convTranspose3d", "matmul"].flatMap { op in
            OpCases.all.filter { $0.op == op }.enumerated().filter { $0.offset % 23 == 0 }.map(\.element)
        }
        #expect(families.count > 6)
        for device in OpenCLDevice.all() {
            let backend = try OpenCLBackend(
                device, forcing: .tile(tile), cache: nil, tuning: nil, profiling: false,
                precision: .fp32, emulating: false)
            for opCase in families {
                let parity = try Parity(opCase, on: backend, against: ReferenceBackend())
                #expect(!parity.rows.isEmpty && parity.passes, "\(device.name): \(parity)")
            }
        }
    }

    /// TF32 and bf16 with emulated matrix units, with a small tile that PoCL compiles quickly: products of 11 and of 8
    /// bits, summed in f32.
    @Test(arguments: [(Precision.tf32, Tolerance.tf32Factors), (.bf16, .bf16Factors)], [3])
    func reducedPrecisionAgreesToItsBits(_ reduced: (precision: Precision, tolerance: Tolerance), _ tile: Int) throws {
        let cases = ["conv3d", "matmul"].flatMap { op in
            OpCases.all.filter { $0.op == op }.enumerated().filter { $0.offset % 31 == 0 }.map(\.element)
        }
        for device in OpenCLDevice.all() {
            let backend = try OpenCLBackend(
                device, forcing: .tile(tile), cache: nil, tuning: nil, profiling: false,
                precision: reduced.precision, emulating: true)
            var worst = 0.0
            for opCase in cases {
                let parity = try Parity(opCase, on: backend, against: ReferenceBackend())
                worst = max(worst, parity.rows.map(\.error.relative).max() ?? .infinity)
            }
            // The results are neither less exact than the precision allows, nor computed in f32 after all.
            let limit = reduced.tolerance.limit
            #expect(worst < limit && worst > limit / 20, "\(device.name): \(worst)")
        }
    }

    /// A device without matrix units reports this instead of computing in f32.
    @Test func aPrecisionThatADeviceLacksIsAnError() throws {
        for name in ["cpu", "reference"] + OpenCLDevice.all().filter({ !$0.isGPU }).map(\.name) {
            #expect(throws: BackendError.self) {
                try Devices.makeBackend(name, threads: nil, profiling: false, precision: .tf32)
            }
        }
    }

    @Test(arguments: OpCases.all)
    func runsRepeatBitForBit(_ opCase: OpCase) throws {
        for (name, backend) in try Self.forced.get() where opCase.op.hasPrefix("conv") || name.contains("direct") {
            let results = try (0..<2).map { _ in try opCase.run(on: backend).map(\.values) }
            #expect(results[0] == results[1], "\(name)")
        }
    }

    @Test func anUnknownDeviceIsAnErrorThatListsWhatIsThere() throws {
        #expect {
            _ = try Devices.makeBackend("opencl:99", threads: nil)
        } throws: { error in
            guard case BackendError.noSuchDevice("opencl:99", let available, nil) = error else { return false }
            return available.starts(with: ["cpu", "reference", "opencl:0"])
        }
        let automatic = try Devices.makeBackend("auto", threads: nil).name
        #expect(automatic == OpenCLDevice.largestGPU(among: OpenCLDevice.all())?.name ?? "cpu")
        #expect(try Devices.available(threads: nil).first?.name == automatic)
    }
}
