import CSegCPU

/// A set of vector instructions that the kernels are compiled for, in ascending order.
package enum CPUInstructionSet: Int32, CaseIterable, Hashable, Sendable {
    /// The compiler's default target; runs on every machine.
    case portable
    /// AVX2 and FMA.
    case avx2
    /// AVX-512 F, VL, DQ and BW.
    case avx512

    /// The instruction set in use: the best one of this machine, or the last limit that was set.
    package static var current: CPUInstructionSet { CPUInstructionSet(rawValue: segcpu_isa_level()) ?? .portable }

    /// Limits the whole process to this set from now on, if the machine supports it; for tests.
    ///
    /// This function must not be called while an op runs.
    package func limit() { _ = segcpu_isa_set(rawValue) }
}

/// The C kernels for the instruction set in use.
var kernels: segcpu_kernel_table { segcpu_kernels().pointee }

/// The peak rate of an instruction on one core, without loads: it shows which precision can be fast on a machine.
package enum CPUPeak: String, CaseIterable, Sendable {
    /// Multiply-adds in f32.
    case fma = "VFMADD231PS"
    /// Products of bf16 pairs, added to f32.
    case bf16 = "VDPBF16PS"

    /// The floating-point operations per second, a multiply-add counted as two; nil if the machine lacks the
    /// instruction.
    package func measure() -> Double? {
        let flops = self == .fma ? segcpu_peak_fma() : segcpu_peak_bf16()
        return flops > 0 ? flops : nil
    }
}
