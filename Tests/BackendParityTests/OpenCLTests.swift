import Foundation
import SegBackend
import SegDevices
import SegOpCases
import SegOpenCL
import SegReference
import Testing

/// What is particular to the OpenCL backend; skipped where the machine has no OpenCL device.
@Suite(.enabled(if: !OpenCLDevice.all().isEmpty, "no OpenCL device on this machine"))
struct OpenCLTests {
    /// A backend for each device and algorithm, for all tests.
    private static let forced = Result {
        try OpenCLDevice.all().flatMap { device in
            try OpenCLConv3dAlgorithm.allCases.map {
                ("\(device.name) \($0)", try OpenCLBackend(device, convolution: $0, cache: nil))
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

    @Test(arguments: OpCases.all)
    func runsRepeatBitForBit(_ opCase: OpCase) throws {
        for (name, backend) in try Self.forced.get() where opCase.op.hasPrefix("conv") || name.contains("direct") {
            let results = try (0..<2).map { _ in try opCase.run(on: backend).map(\.values) }
            #expect(results[0] == results[1], "\(name)")
        }
    }

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
            guard case BackendError.outOfMemory(_, _, 0, 1 << 20) = error else { return false }
            return true
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
        // A folder that cannot be made is no obstacle either.
        #expect(try doubled(on: backend(cache: file.appendingPathComponent("below"))) == [2, 4, 6])
    }

    @Test func anUnknownDeviceIsAnErrorThatListsWhatIsThere() throws {
        #expect {
            _ = try Devices.makeBackend("opencl:99", threads: nil)
        } throws: { error in
            guard case BackendError.noSuchDevice("opencl:99", let available) = error else { return false }
            return available.starts(with: ["cpu", "reference", "opencl:0"])
        }
        let automatic = try Devices.makeBackend("auto", threads: nil).name
        #expect(automatic == OpenCLDevice.largestGPU(among: OpenCLDevice.all())?.name ?? "cpu")
        #expect(try Devices.available(threads: nil).first?.name == automatic)
    }

    private func backend(cache: URL?) throws -> OpenCLBackend {
        try OpenCLBackend(try #require(OpenCLDevice.all().first), convolution: nil, cache: cache)
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

/// SHA-256 against the vectors of FIPS 180-4, and lengths around a block's end.
@Test(arguments: [
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (String(repeating: "a", count: 55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
])
func contentHash(_ text: String, _ digest: String) {
    #expect(ContentHash.hex(Array(text.utf8)) == digest)
}
