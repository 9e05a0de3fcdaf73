import SegBackend
import SegCPU
import SegDevices
import SegOpCases
import SegReference
import Testing

/// The hook through which ops are timed and counted.
@Suite struct InterceptionTests {
    /// A case of each op and geometry; ops of a family differ in the part of their names before the first size.
    private static let cases = Dictionary(grouping: OpCases.all) { $0.name.prefix { !$0.isNumber } }
        .compactMap(\.value.first).sorted { $0.name < $1.name }

    @Test(arguments: cases)
    func anOpThatIsTimedComputesTheSameBits(_ opCase: OpCase) throws {
        let plain = try CPUBackend(threads: 1)
        let timed = try Devices.makeBackend("cpu", threads: 1, profiling: true, precision: .fp32)
        #expect(try opCase.run(on: timed).map(\.values) == opCase.run(on: plain).map(\.values))
    }

    /// Work that is requested from a backend, by its name.
    private func commands(of opCase: OpCase) throws -> [DeviceCommand] {
        let backend = try Devices.makeBackend("cpu", threads: 1, profiling: true, precision: .fp32)
        let profiling = try #require(backend as? any ProfilingBackend)
        let prepared = try opCase.prepare(on: profiling)
        _ = try profiling.takeCommands()
        try prepared.execute()
        return try profiling.takeCommands()
    }

    @Test func productsAreCountedAsBenchmarksCountThem() throws {
        let ops = [
            ("conv3d_", "conv3d"), ("convTranspose3d_", "convTranspose3d"),
            ("conv3d_backwardWeight_", "conv3dBackwardWeight"), ("matmul_", "matmul"),
        ]
        for (prefix, op) in ops {
            let opCase = try #require(OpCases.all.first { $0.name.hasPrefix(prefix) })
            let commands = try commands(of: opCase)
            #expect(commands.map(\.name) == [op])
            #expect(commands[0].work.flops == opCase.flops && commands[0].work.bytes > 0, "\(opCase)")
        }
    }

    @Test func attentionIsCountedWithItsGradients() throws {
        let opCase = try #require(OpCases.all.first { $0.op == "attention" })
        let commands = try commands(of: opCase)
        #expect(commands.map(\.name) == ["attention", "attentionBackward"])
        #expect(commands.map(\.work.flops).reduce(0, +) == opCase.flops)
    }

    /// For a copy only the bytes of the box count, read and written.
    @Test func aCopyCountsItsBox() throws {
        let backend = try Devices.makeBackend("cpu", threads: 1, profiling: true, precision: .fp32)
        let profiling = try #require(backend as? any ProfilingBackend)
        let (x, y) = (try backend.allocate([8, 8], .f32), try backend.allocate([8, 8], .f32))
        try backend.fill(x, with: 1)
        try backend.copyRegion(x, at: [0, 0], into: y, at: [1, 1], extent: [2, 3], accumulate: false)
        let commands = try profiling.takeCommands()
        #expect(commands.map(\.name) == ["fill", "copyRegion"] && commands.map(\.work.bytes) == [256, 48])
        #expect(profiling.work == DeviceWork(flops: 0, bytes: 304, commands: 2))
    }
}
