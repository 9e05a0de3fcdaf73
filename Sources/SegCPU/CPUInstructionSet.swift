import CSegCPU

/// A set of vector instructions that the kernels are compiled for, in ascending order.
package enum CPUInstructionSet: Int32, CaseIterable, Hashable, Sendable {
    /// Whatever the compiler targets; runs everywhere.
    case portable
    /// AVX2 and FMA.
    case avx2
    /// AVX-512 F, VL, DQ and BW.
    case avx512

    /// The best of this machine, or at most what was asked for last.
    package static var current: CPUInstructionSet { CPUInstructionSet(rawValue: segcpu_isa_level()) ?? .portable }

    /// Uses at most this set in the whole process from now on, where the machine has it; for tests.
    ///
    /// Not to be called while an op runs.
    package func limit() { _ = segcpu_isa_set(rawValue) }
}

/// The C kernels for the instruction set in use.
var kernels: segcpu_kernel_table { segcpu_kernels().pointee }

/// What instructions do at most on one core, nothing loaded: which precision can be quick on a machine.
package enum CPUPeak: String, CaseIterable, Sendable {
    /// Multiply-adds in f32.
    case fma = "VFMADD231PS"
    /// Products of bf16 pairs, added to f32.
    case bf16 = "VDPBF16PS"

    /// Floating-point operations a second, a multiply-add counted as two; nil where the machine lacks the instruction.
    package func measure() -> Double? {
        let flops = self == .fma ? segcpu_peak_fma() : segcpu_peak_bf16()
        return flops > 0 ? flops : nil
    }
}
