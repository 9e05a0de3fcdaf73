import COpenBLAS
import CSegCPU
internal import SegBackend

/// Matrix products on one thread, with the memory into which each thread packs matrices.
///
/// The backend's own kernel computes the products on machines with AVX2 or AVX-512. On other machines OpenBLAS computes
/// them, because it has kernels for NEON and SSE.
struct MatrixKernel {
    private let memory: Scratch<Float>
    private let size: Int
    private let usesBLAS = CPUInstructionSet.current == .portable

    /// Allocates memory for every thread of a backend.
    init(_ backend: CPUBackend) throws {
        size = segcpu_product_scratch()
        memory = try backend.scratch(Float.self, backend.threads.count * size)
    }

    /// Computes a product on the thread of this number.
    func callAsFunction(_ product: segcpu_product, thread: Int) {
        if usesBLAS {
            Self.multiplyWithBLAS(product)
        } else {
            withUnsafePointer(to: product) { kernels.multiply($0, memory.base + thread * size) }
        }
    }

    private static func multiplyWithBLAS(_ product: segcpu_product) {
        cblas_sgemm(
            CblasRowMajor, product.transpose_a ? CblasTrans : CblasNoTrans,
            product.transpose_b ? CblasTrans : CblasNoTrans, Int32(product.m), Int32(product.n), Int32(product.k),
            product.alpha, product.a, Int32(product.a_row), product.b, Int32(product.b_row), product.beta, product.c,
            Int32(product.c_row))
    }

    /// Keeps the memory allocated until this call.
    func done() { memory.done() }
}
