import Foundation
import SegCore
import SegModels
import SegTestNeeds
import Testing

/// The commands if OpenCL is missing, shared or queried.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt })
struct OpenCLCommandTests {
    private static let hidden = ["MEDSEG_OPENCL_LIBRARY": "/nowhere/libOpenCL.so.1"]

    @Test func withoutTheLoaderProgramsComputeOnTheCPU() throws {
        let devices = try Command.medseg("devices", environment: Self.hidden)
        #expect(devices.status == 0 && devices.output.contains("cpu") && !devices.output.contains("opencl:"))
        let verified = try Command.bench(
            ["verify", "--device", "auto", "--quiet", "--names", "softmax"], environment: Self.hidden)
        #expect(verified.status == 0 && verified.output.contains("cpu:"))
    }

    @Test func withoutTheLoaderADeviceIsAClearError() throws {
        let folder = try ScratchFolder()
        let scan = try folder.write([], as: "scan.nii")
        let outcome = try Command.medseg(
            "predict", scan, "--model", folder.path, "--out", folder.file("out"), "--device", "opencl:0",
            environment: Self.hidden)
        #expect(outcome.status == 69 && outcome.exited, "\(outcome.errors)")
        #expect(outcome.message.contains("ICD loader is missing") && outcome.message.contains("/nowhere/libOpenCL"))
        let bench = try Command.bench(["ops", "--device", "opencl:0"], environment: Self.hidden)
        #expect(bench.status != 0 && bench.errors.contains("ICD loader is missing"))
    }

    @Test func withoutADriverADeviceIsAClearError() throws {
        let empty = try ScratchFolder()
        let outcome = try Command.bench(
            ["ops", "--device", "opencl:0"], environment: ["OCL_ICD_VENDORS": empty.path + "/"])
        #expect(outcome.status != 0)
        #expect(
            outcome.errors.contains("no OpenCL driver is installed") || outcome.errors.contains("loader is missing"))
    }
}

/// Whether the commands are built and find an OpenCL device.
private let hasDevice: Bool =
    Command.areBuilt && (try? Command.medseg("devices"))?.output.contains("opencl:0") == true

/// The commands on an OpenCL device.
@Suite(.needs("An OpenCL device (package pocl-opencl-icd)") { hasDevice })
struct OpenCLDeviceTests {
    @Test func twoProcessesMayShareTheProgramCache() async throws {
        let folder = try ScratchFolder()
        let path = folder.path
        let statuses = try await withThrowingTaskGroup(of: Int32.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    try Command.bench(
                        ["verify", "--device", "opencl:0", "--quiet", "--names", "softmax", "reduce"],
                        environment: ["MEDSEG_CACHE": path]
                    ).status
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == [0, 0])
        #expect(!folder.files.isEmpty && folder.files.allSatisfy { $0.hasSuffix(".clbin") })
    }

    @Test func aProfileHasATableAndATrace() throws {
        let folder = try ScratchFolder()
        let trace = folder.file("trace.json")
        let outcome = try Command.bench(
            [
                "profile", "--device", "opencl:0", "--names", "unet", "--size", "32", "--steps", "1", "--json",
                "--trace", trace,
            ], environment: [:])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let report = try JSONDecoder().decode(ConfigValue.self, from: Data(outcome.output.utf8))
        guard case .object(let head) = report, case .array(let kernels)? = head["kernels"] else {
            Issue.record("the report is \(outcome.output)")
            return
        }
        #expect(kernels.count > 10)
        let content = try JSONDecoder().decode(ConfigValue.self, from: Data(contentsOf: URL(fileURLWithPath: trace)))
        guard case .object(let file) = content, case .array(let events)? = file["traceEvents"] else {
            Issue.record("the trace has no traceEvents")
            return
        }
        let phases = events.map { event in
            guard case .object(let fields) = event, case .string(let phase)? = fields["ph"] else { return "" }
            let needed = phase == "X" ? ["name", "cat", "ts", "dur", "pid", "tid"] : ["name", "pid", "args"]
            return needed.allSatisfy { fields[$0] != nil } ? phase : "incomplete"
        }
        #expect(Set(phases) == ["M", "X"] && phases.filter { $0 == "X" }.count > 100)
    }

    @Test func aTuningFileThatIsBrokenIsLeftAlone() throws {
        let folder = try ScratchFolder()
        let file = try folder.write("no tuning".utf8, as: "tuning.json")
        let outcome = try Command.bench(
            ["verify", "--device", "opencl:0", "--quiet", "--names", "softmax"], environment: ["MEDSEG_TUNING": file])
        #expect(outcome.status == 0)
        #expect(outcome.errors.split(separator: "\n").count == 1 && outcome.message.contains("is not used"))
    }
}
