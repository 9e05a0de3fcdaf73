import CSegCPU

/// A set of vector instructions that the convolutions are compiled for.
package enum CPUInstructionSet: String, CaseIterable, Hashable, Sendable {
    case portable
    case avx2
    case avx512

    /// The best of this machine, or at most what was asked for last.
    package static var current: CPUInstructionSet {
        switch segcpu_current_isa() {
        case SEGCPU_ISA_AVX512: .avx512
        case SEGCPU_ISA_AVX2: .avx2
        default: .portable
        }
    }

    /// Uses at most this set in the whole process from now on, where the machine has it; for tests.
    ///
    /// Not to be called while an op runs.
    package func limit() {
        switch self {
        case .portable: segcpu_set_isa(SEGCPU_ISA_PORTABLE)
        case .avx2: segcpu_set_isa(SEGCPU_ISA_AVX2)
        case .avx512: segcpu_set_isa(SEGCPU_ISA_AVX512)
        }
    }
}
