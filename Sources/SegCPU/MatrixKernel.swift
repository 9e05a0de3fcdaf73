import CSegCPU
internal import SegBackend

/// Products of matrices on one thread, with the memory that threads pack them into.
struct MatrixKernel {
    private let memory: Scratch<Float>
    private let size: Int

    /// Takes memory for every thread of a backend.
    init(_ backend: CPUBackend) throws {
        size = segcpu_product_scratch()
        memory = try backend.scratch(Float.self, backend.threads.count * size)
    }

    /// Computes a product on the thread of this number.
    func callAsFunction(_ product: segcpu_product, thread: Int) {
        withUnsafePointer(to: product) { segcpu_multiply($0, memory.base + thread * size) }
    }

    /// Keeps the memory until here.
    func done() { memory.done() }
}
