import COpenBLAS
import CSegCPU
import Foundation
public import SegBackend
internal import Synchronization

/// The CPU backend: channels-last kernels in C for AVX-512, AVX2 or any processor, chosen at run time.
public final class CPUBackend: Sendable {
    let threads: ThreadPool
    let pool = BufferPool()
    /// The forced convolution algorithms, of which the first that supports a convolution is used; empty leaves the
    /// choice to `choose`.
    let forcedConvolutions: Mutex<[Conv3dAlgorithm]>
    /// The precision of the factors of convolutions and matrix products.
    let precision: Precision

    /// Starts a CPU backend.
    /// - Parameter threads: nil for the number in `MEDSEG_THREADS`, or every core if that is not set.
    /// - Throws: `BackendError` if the count is not in 1 to 1024, or if the threads cannot be started.
    public convenience init(threads: Int?) throws { try self.init(threads: threads, precision: .fp32) }

    /// Starts a CPU backend that multiplies in a given precision in convolutions and matrix products, forward and
    /// backward; sums and everything else are f32.
    /// - Throws: The errors of `init(threads:)`, and `BackendError.notSupported` for other precisions than fp32 and
    ///   bf16.
    public convenience init(threads: Int?, precision: Precision) throws {
        try self.init(threads: threads, precision: precision, forcing: nil)
    }

    /// Starts a CPU backend that computes every convolution and its weight gradient with one algorithm.
    package convenience init(threads: Int?, forcing algorithm: Conv3dAlgorithm?) throws {
        try self.init(threads: threads, precision: .fp32, forcing: algorithm)
    }

    private init(threads: Int?, precision: Precision, forcing algorithm: Conv3dAlgorithm?) throws {
        guard precision == .fp32 || precision == .bf16 else {
            throw BackendError.notSupported(
                backend: "cpu", op: "--precision \(precision.rawValue)",
                reason: "the CPU has fp32 and bf16; fp16 needs an OpenCL device, and tf32 an NVIDIA GPU of compute "
                    + "capability 8.0 or more")
        }
        self.precision = precision
        forcedConvolutions = Mutex(algorithm.map { [$0] } ?? [])
        let count = try threads ?? Self.defaultThreadCount()
        guard count > 0 && count <= 1024 else {
            throw BackendError.failed(
                backend: "cpu", operation: "starting \(count) threads",
                reason: "the number of threads should be from 1 to 1024")
        }
        try Self.limitInstructionSet()
        self.threads = try ThreadPool(count: count)
        // The backend's own threads share the work, because tiles must be the same for any number of threads.
        openblas_set_num_threads(1)
    }

    private static func defaultThreadCount() throws -> Int {
        guard let text = ProcessInfo.processInfo.environment["MEDSEG_THREADS"] else {
            return ProcessInfo.processInfo.activeProcessorCount
        }
        guard let count = Int(text) else {
            throw BackendError.failed(
                backend: "cpu", operation: "reading MEDSEG_THREADS",
                reason: "should be an integer from 1 to 1024, not '\(text)'")
        }
        return count
    }

    /// Limits the instruction set to the value of `MEDSEG_ISA`, `portable`, `avx2` or `avx512`, to compare sets or to find
    /// a fault.
    private static func limitInstructionSet() throws {
        guard let name = ProcessInfo.processInfo.environment["MEDSEG_ISA"] else { return }
        guard let wanted = CPUInstructionSet.allCases.first(where: { "\($0)" == name }) else {
            let known = CPUInstructionSet.allCases.map { "\($0)" }.joined(separator: ", ")
            throw BackendError.failed(
                backend: "cpu", operation: "reading MEDSEG_ISA", reason: "should be one of \(known), not '\(name)'")
        }
        if CPUInstructionSet.current.rawValue > wanted.rawValue { wanted.limit() }
    }

    /// The name for `--device`.
    public var name: String { "cpu" }

    /// The number of threads and the instruction set.
    public var details: String {
        "\(threads.count) thread\(threads.count == 1 ? "" : "s"), \(String(cString: segcpu_isa_name()))"
            + (precision == .fp32 ? "" : ", \(precision.rawValue) products")
    }

    /// 32-bit float.
    public var scalar: DType { .f32 }

    /// Always true.
    public var usesHostMemory: Bool { true }
}

extension CPUBackend: Backend {}

extension BufferView {
    /// The elements as 32-bit floats.
    var floats: UnsafeMutablePointer<Float> { pointer(as: Float.self) }

    /// The elements as 32-bit integers.
    var integers: UnsafeMutablePointer<Int32> { pointer(as: Int32.self) }

    /// The first byte of the view.
    var bytes: UnsafeMutableRawPointer {
        guard let buffer = buffer as? CPUBuffer else { preconditionFailure("a buffer of another backend") }
        return buffer.pointer + offset * dtype.byteCount
    }

    private func pointer<T>(as type: T.Type) -> UnsafeMutablePointer<T> {
        precondition(MemoryLayout<T>.size == dtype.byteCount, "\(dtype) elements are not \(type)")
        return bytes.assumingMemoryBound(to: type)
    }
}
