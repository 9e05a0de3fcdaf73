import Foundation
import SegBackend
import SegCore
import SegOpCases
import SegOpenCL
import SegReference
import SegTestNeeds
import Testing

/// Tests memory, caches and tuning of the OpenCL backend, and their faults.
@Suite(.needs("An OpenCL device (package pocl-opencl-icd)") { !OpenCLDevice.all().isEmpty })
struct OpenCLFaultTests {
    @Test func memoryIsCountedAndCapped() throws {
        let backend = try backend(cache: nil)
        #expect(backend.memory.live == 0)
        do {
            let view = try backend.allocate([1 << 20], .f32)
            #expect(backend.memory.live >= 4 << 20 && backend.memory.peak == backend.memory.live)
            try backend.fill(view, with: 1)
        }
        #expect(backend.memory.live == 0 && backend.memory.pooled >= 4 << 20)
        backend.memoryLimit = 1 << 20
        #expect {
            _ = try backend.allocate([1 << 20], .f32)
        } throws: { error in
            guard case BackendError.outOfMemory(_, _, 0, 1 << 20, let purpose) = error else { return false }
            return purpose == "an array of \(Shape([1 << 20]))"
        }
        #expect(throws: BackendError.self) { try backend.allocate(byteCount: 1 << 60) }
    }

    @Test func aBrokenCacheFileMeansCompiling() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try doubled(on: backend(cache: folder)) == [2, 4, 6])
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(files.map(\.pathExtension) == ["clbin"])
        let file = try #require(files.first)
        let whole = try Data(contentsOf: file)
        var flipped = whole
        flipped[flipped.count / 2] ^= 1
        for broken in [Data(), whole.prefix(whole.count / 2), flipped, Data(repeating: 7, count: 100)] {
            try broken.write(to: file)
            #expect(try doubled(on: backend(cache: folder)) == [2, 4, 6])
            #expect(try Data(contentsOf: file).count > 100, "the file was not written anew")
        }
        // A folder that cannot be created does not hinder either.
        #expect(try doubled(on: backend(cache: file.appendingPathComponent("below"))) == [2, 4, 6])
    }

    @Test func workMemoryThatIsMissingIsNamed() throws {
        let backend = try backend(cache: nil)
        let x = try backend.allocate([1, 8, 8, 8, 16], .f32)
        let weight = try backend.allocate([16, 16, 3, 3, 3], .f32)
        let y = try backend.allocate([1, 8, 8, 8, 16], .f32)
        backend.memoryLimit = backend.memory.live + 1024
        let params = Conv3dParams(
            kernel: Triple(3), stride: Triple(1), padding: Triple(1), dilation: Triple(1), groups: 1)
        #expect {
            try backend.conv3d(x, weight: weight, bias: nil, params, into: y, accumulate: false)
        } throws: { error in
            "\(error)".contains("work memory of pack") && "\(error)".contains("MiB")
        }
        // The failure has no lasting effect: with enough memory the op works.
        backend.memoryLimit = nil
        try backend.conv3d(x, weight: weight, bias: nil, params, into: y, accumulate: false)
        try backend.synchronize()
    }

    @Test func severalBackendsMayShareACache() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let results = try await withThrowingTaskGroup(of: [Float].self) { group in
            for _ in 0..<6 { group.addTask { try doubled(on: backend(cache: folder)) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results == [[Float]](repeating: [2, 4, 6], count: 6))
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(files.count == 1 && files[0].hasSuffix(".clbin"), "\(files)")
    }

    @Test func aKernelThatDoesNotBuildIsAClearError() throws {
        let backend = try backend(cache: nil)
        try backend.build("matmul/matmul", "matmul", defines: [("TILE_M", 64)])
        for (file, kernel, define) in [
            ("matmul/matmul", "matmul", ("TILE_M", -64)), ("matmul/matmul", "no_such_kernel", ("TILE_M", 64)),
        ] {
            #expect {
                try backend.build(file, kernel, defines: [define])
            } throws: { error in
                guard case BackendError.failed(_, let operation, _) = error else { return false }
                return operation.contains("matmul/matmul.cl")
            }
        }
        #expect(try doubled(on: backend) == [2, 4, 6])
    }

    @Test func uploadsInFlightKeepTheirBytes() throws {
        let backend = try backend(cache: nil)
        let counts = (0..<60).map { 1 + $0 * 977 % 40_000 }
        let views = try counts.enumerated().map { index, count in
            let view = try backend.allocate([count], .f32)
            try [Float](repeating: Float(index), count: count).withUnsafeBytes { try backend.upload($0, to: view) }
            return view
        }
        for (index, view) in views.enumerated() {
            var values = [Float](repeating: -1, count: view.count)
            try values.withUnsafeMutableBytes { try backend.download(view, into: $0) }
            #expect(values == [Float](repeating: Float(index), count: view.count))
        }
    }

    @Test func fieldsThatADriverLacksTakeWhatTheStandardPromises() {
        let device = OpenCLDevice(answering: [:])
        #expect(device.name == "opencl:7" && device.hardware == "unknown" && !device.isGPU && device.memory == 0)
        #expect(device.details.contains("1 compute units"))
        let limits = device.limits
        #expect(limits.allocation == 128 << 20 && limits.localMemory == 32 << 10 && limits.group == .max)
        let large = OpenCLDevice(answering: [0x101F: 8 << 30, 0x1010: 0])
        #expect(large.memory == 8 << 30 && large.limits.allocation == 2 << 30)
    }

    @Test func aSearchIsKeptForThisDeviceOnly() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("tuning.json")
        let opCase = try #require(OpCases.all.first { $0.name.hasPrefix("conv3d_layer") })
        let searching = try tuned(file)
        #expect(searching.warning == nil && searching.tunedPlans.isEmpty)
        searching.isTuning = true
        #expect(try Parity(opCase, on: searching, against: ReferenceBackend()).passes)
        #expect(searching.tunedPlans.count == 3, "\(searching.tunedPlans)")
        #expect(try searching.saveTuning() == file.path)

        let next = try tuned(file)
        #expect(next.warning == nil && next.tunedPlans == searching.tunedPlans)
        #expect(try Parity(opCase, on: next, against: ReferenceBackend()).passes)
        // Another search starts from scratch, and keeps plans that it did not search.
        next.isTuning = true
        #expect(next.tunedPlans.isEmpty)
        #expect(try next.saveTuning() == file.path)
        #expect(try tuned(file).tunedPlans == searching.tunedPlans)

        let whole = try String(contentsOf: file, encoding: .utf8)
        let plan = try #require(searching.tunedPlans.values.first)
        let broken = [
            "", String(whole.prefix(whole.count / 2)), "[1, 2]",
            whole.replacingOccurrences(of: "\"device\" : \"", with: "\"device\" : \"another "),
            whole.replacingOccurrences(of: "\"driver\" : \"", with: "\"driver\" : \"another "),
            whole.replacingOccurrences(of: ": \"\(plan)\"", with: ": \"gemm 1 2 3 4\""),
            whole.replacingOccurrences(of: "medseg-tuning-1", with: "medseg-tuning-9"),
        ]
        for text in broken {
            #expect(text != whole)
            try Data(text.utf8).write(to: file)
            let backend = try tuned(file)
            let warning = try #require(backend.warning)
            #expect(warning.contains(file.path) && !warning.contains("\n"))
            #expect(backend.tunedPlans.isEmpty)
            #expect(try doubled(on: backend) == [2, 4, 6])
            // A refused file is not overwritten, because it may belong to another device.
            #expect(throws: BackendError.self) { try backend.saveTuning() }
            #expect(try String(contentsOf: file, encoding: .utf8) == text)
        }
    }

    private func tuned(_ file: URL) throws -> OpenCLBackend {
        try OpenCLBackend(
            try #require(OpenCLDevice.all().first), forcing: nil, cache: nil, tuning: file, profiling: false,
            precision: .fp32, emulating: false)
    }

    private func backend(cache: URL?) throws -> OpenCLBackend {
        try OpenCLBackend(
            try #require(OpenCLDevice.all().first), forcing: nil, cache: cache, tuning: nil, profiling: false,
            precision: .fp32, emulating: false)
    }

    private func doubled(on backend: OpenCLBackend) throws -> [Float] {
        let view = try backend.allocate([3], .f32)
        try [Float(1), 2, 3].withUnsafeBytes { try backend.upload($0, to: view) }
        try backend.scale(view, by: 2, into: view, times: 0)
        var values = [Float](repeating: 0, count: 3)
        try values.withUnsafeMutableBytes { try backend.download(view, into: $0) }
        return values
    }
}
