import SegBackend
import SegCPU
import Testing

@Suite struct CPUMemoryTests {
    /// A random generator of its own, so that a failure is reproducible.
    private struct Draws {
        var state: UInt64
        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }

    /// Blocks of all sizes are allocated and freed; each keeps its content, and none is lost or counted twice.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func blocksNeverOverlap(_ seed: UInt64) throws {
        let backend = try CPUBackend(threads: 1)
        var draws = Draws(state: seed)
        var held: [(view: BufferView, value: Double)] = []
        for step in 0..<600 {
            if held.count > 40 || (!held.isEmpty && draws.below(5) < 2) {
                let (view, value) = held.remove(at: draws.below(held.count))
                var elements = [Float](repeating: 0, count: view.count)
                try elements.withUnsafeMutableBytes { try backend.download(view, into: $0) }
                #expect(elements.allSatisfy { Double($0) == value })
            } else {
                let count = 1 + draws.below([10, 1000, 100_000, 1_000_000][draws.below(4)])
                let view = try backend.allocate([count], .f32)
                try backend.fill(view, with: Double(step))
                held.append((view, Double(step)))
            }
            let bytes = held.reduce(0) { $0 + $1.view.count * 4 }
            #expect(backend.memory.live >= bytes && backend.memory.live <= bytes + held.count * 4096)
        }
        held = []
        #expect(backend.memory.live == 0 && backend.memory.pooled > 0)
    }

    /// Adjacent freed blocks serve one larger request, so that a scan of another size needs no new memory.
    @Test func neighboursAreJoined() throws {
        let backend = try CPUBackend(threads: 1)
        let size = 1 << 20
        var views = try (0..<6).map { _ in try backend.allocate([size], .f32) }
        let all = backend.memory.live
        #expect(all == 6 * 4 * size && backend.memory.pooled == 0)
        // A hole of three blocks in the middle, freed in an order that merges it with both sides.
        for place in [1, 3, 2] { views[place] = views[0] }
        #expect(backend.memory.pooled == 3 * 4 * size)
        let wide = try backend.allocate([3 * size], .f32)
        #expect(backend.memory.live == all && backend.memory.pooled == 0)
        // The last two blocks, and the bytes that they lack.
        views = []
        let longer = try backend.allocate([3 * size + 1024], .f32)
        #expect(backend.memory.live + backend.memory.pooled == all + 4 * size + 4096)
        withExtendedLifetime((wide, longer)) {}
    }

    @Test func aCapIsKeptAndNamed() throws {
        let backend = try CPUBackend(threads: 1)
        backend.memoryLimit = 1 << 20
        let view = try backend.allocate([1 << 17], .f32)
        #expect(throws: BackendError.self) { try backend.allocate([(1 << 17) + 1], .f32) }
        #expect(backend.memory.live == 1 << 19)
        // A request beyond the machine's memory is refused before anything is allocated.
        backend.memoryLimit = nil
        #expect(throws: BackendError.self) { try backend.allocate([1 << 50], .f32) }
        withExtendedLifetime(view) {}
    }
}
