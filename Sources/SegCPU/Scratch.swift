internal import SegBackend

/// Memory of the pool that an op uses while it runs; `done()` at the end keeps the memory from being released earlier.
struct Scratch<Element: BitwiseCopyable> {
    let base: UnsafeMutablePointer<Element>
    private let buffer: CPUBuffer

    init(_ pool: BufferPool, _ count: Int) throws {
        buffer = try pool.take(byteCount: max(count, 1) * MemoryLayout<Element>.stride)
        base = buffer.pointer.bindMemory(to: Element.self, capacity: max(count, 1))
    }

    func done() { withExtendedLifetime(buffer) {} }
}

extension CPUBackend {
    func scratch<Element: BitwiseCopyable>(_ type: Element.Type, _ count: Int) throws -> Scratch<Element> {
        try Scratch(pool, count)
    }
}
