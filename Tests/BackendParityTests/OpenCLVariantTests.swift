import Foundation
import SegBackend
import SegCPU
import SegOpCases
import SegOpenCL
import SegReference
import SegTestNeeds
import Testing

/// Tests Winograd's algorithm, half weights and sub-groups, each by its name; skipped if the machine has no OpenCL
/// device.
@Suite(.needs("An OpenCL device (package pocl-opencl-icd)") { !OpenCLDevice.all().isEmpty })
struct OpenCLVariantTests {
    /// Both tile sizes wherever they are possible, also where no search would choose them. They round like the CPU's,
    /// with longer sums.
    @Test(arguments: ForcedPlan.winogradSizes)
    func winogradAgreesWithTheReference(_ outputs: Int) throws {
        let cases = OpCases.winograd(taps: 3, stride: 1)
        let most = try #require(WinogradRounding.most[outputs == 2 ? .two3 : .four3])
        #expect(cases.count > 20)
        for device in OpenCLDevice.all() {
            let (winograd, direct) = (try backend(device, .fp32), try backend(device, .fp32))
            try winograd.force("winograd \(outputs)")
            try direct.force("direct")
            var different = 0
            for opCase in cases {
                let parity = try Parity(opCase, on: winograd, against: ReferenceBackend()) { _ in nil }
                #expect(!parity.rows.isEmpty && parity.passes, "\(device.name): \(parity)")
                for row in parity.rows {
                    #expect(row.error.relative < 2 * most, "\(device.name): \(opCase), \(row)")
                }
                let results = try (0..<2).map { _ in try opCase.run(on: winograd).map(\.values) }
                #expect(results[0] == results[1], "\(device.name): \(opCase)")
                if try opCase.run(on: direct).map(\.values) != results[0] { different += 1 }
            }
            // The sums have another order: if Winograd's algorithm were not used at all, the numbers would be equal.
            #expect(different > cases.count / 3)
        }
    }

    /// Strides, dilations, groups and other kernel sizes use the usual algorithm if Winograd's is forced.
    @Test func winogradIsNotTakenElsewhere() throws {
        let cases = OpCases.all.filter { $0.op.hasPrefix("conv") }.enumerated().filter { $0.offset % 5 == 0 }
        let device = try #require(OpenCLDevice.all().first)
        let winograd = try backend(device, .fp32)
        try winograd.force("winograd 2")
        for (_, opCase) in cases {
            let parity = try Parity(opCase, on: winograd, against: ReferenceBackend())
            #expect(!parity.rows.isEmpty && parity.passes, "\(parity)")
        }
    }

    /// Weights of 11 bits with every algorithm; ops without weights are as exact as before.
    @Test(arguments: OpenCLConv3dAlgorithm.allCases)
    func halfWeightsAgreeToTheirBits(_ algorithm: OpenCLConv3dAlgorithm) throws {
        let convolutions = ["conv3d", "convTranspose3d"].flatMap { op in
            OpCases.all.filter { $0.op == op }.enumerated().filter { $0.offset % 7 == 0 }.map(\.element)
        }
        let others = OpCases.all.filter { ["matmul", "norm"].contains($0.op) }.enumerated().filter {
            $0.offset % 11 == 0
        }
        #expect(convolutions.count > 10 && others.count > 2)
        for device in OpenCLDevice.all() {
            let half = try backend(device, .fp16)
            #expect(half.details.hasSuffix("convolution weights in fp16"))
            try half.force("\(algorithm)")
            var worst = 0.0
            for opCase in convolutions {
                let parity = try Parity(opCase, on: half, against: ReferenceBackend())
                worst = max(worst, parity.rows.map(\.error.relative).max() ?? .infinity)
            }
            // The results are neither less exact than the precision allows, nor computed with f32 weights after all.
            #expect(
                worst < Tolerance.halfWeights.limit && worst > Tolerance.halfWeights.limit / 10,
                "\(device.name): \(worst)")
            for (_, opCase) in others {
                let parity = try Parity(opCase, on: half, against: ReferenceBackend())
                #expect(parity.passes, "\(device.name): \(parity)")
            }
        }
    }

    /// Reductions with and without sub-groups if a device has them, and a clear error if it has none.
    @Test func subGroupsAgreeWithTheReference() throws {
        let ops: Set = ["softmax", "norm", "reduce", "diceCELoss", "activate"]
        let cases = OpCases.all.filter { ops.contains($0.op) }
        #expect(cases.count > 100)
        for device in OpenCLDevice.all() {
            let backend = try backend(device, .fp32)
            guard backend.forceable.contains("sub-groups") else {
                #expect(throws: BackendError.self) { try backend.force("sub-groups") }
                continue
            }
            for way in ["sub-groups", "local memory"] {
                try backend.force(way)
                for opCase in cases {
                    let parity = try Parity(opCase, on: backend, against: ReferenceBackend())
                    #expect(!parity.rows.isEmpty && parity.passes, "\(device.name), \(way): \(parity)")
                    let results = try (0..<2).map { _ in try opCase.run(on: backend).map(\.values) }
                    #expect(results[0] == results[1], "\(device.name), \(way): \(opCase)")
                }
            }
        }
    }

    @Test func whatCannotBeForcedIsAnErrorThatListsWhatCan() throws {
        let backend = try backend(#require(OpenCLDevice.all().first), .fp32)
        #expect {
            try backend.force("fastest")
        } throws: { error in
            let text = "\(error)"
            return ["'fastest'", "direct", "winograd 4", "gemm 64 64 8 4", "local memory"].allSatisfy(text.contains)
        }
        for name in backend.forceable { try backend.force(name) }
    }

    /// A plan for an op that it cannot compute makes the whole tuning file unusable.
    @Test(arguments: [
        ("conv3d 1x8x8x8x16 to 1x4x4x4x16 k3x3x3 s2x2x2 p1x1x1 d1x1x1 g1", "winograd 2"),
        ("conv3d 1x8x8x8x16 to 1x8x8x8x16 k3x3x3 s1x1x1 p1x1x1 d1x1x1 g2", "winograd 2"),
        ("conv3dBackwardWeight 1x8x8x8x16 to 1x8x8x8x16 k3x3x3 s1x1x1 p1x1x1 d1x1x1 g1", "winograd 4"),
        ("matmul 1x8x8x8 nn", "vector 6"),
    ])
    func aPlanThatDoesNotSuitItsOpIsNotTaken(_ key: String, _ plan: String) throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let device = try #require(OpenCLDevice.all().first)
        let opCase = try #require(OpCases.all.first { $0.name.hasPrefix("conv3d_layer") })
        let searching = try tuned(device, file)
        searching.isTuning = true
        _ = try opCase.run(on: searching)
        _ = try searching.saveTuning()
        #expect(try tuned(device, file).warning == nil)
        let text = try String(contentsOf: file, encoding: .utf8)
        let own = try #require(searching.tunedPlans.keys.first)
        let line = try #require(text.split(separator: "\n").first { $0.contains("\"\(own)\"") })
        let other = "\"\(key)\" : \"\(plan)\"" + (line.hasSuffix(",") ? "," : "")
        try text.replacingOccurrences(of: line, with: other).write(to: file, atomically: true, encoding: .utf8)
        let warning = try #require(try tuned(device, file).warning)
        #expect(warning.contains("'\(plan)' for \(key)"), "\(warning)")
    }

    private func backend(_ device: OpenCLDevice, _ precision: Precision) throws -> OpenCLBackend {
        try OpenCLBackend(
            device, forcing: nil, cache: nil, tuning: nil, profiling: false, precision: precision, emulating: false)
    }

    private func tuned(_ device: OpenCLDevice, _ file: URL) throws -> OpenCLBackend {
        try OpenCLBackend(
            device, forcing: nil, cache: nil, tuning: file, profiling: false, precision: .fp32, emulating: false)
    }
}
