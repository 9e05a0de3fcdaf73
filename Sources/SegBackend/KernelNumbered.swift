/// Ops that a kernel distinguishes by a number: the index of a case among all cases.
///
/// The sources of the kernels define the same numbers: `SEGCPU_ADD` in C and `ADD` in OpenCL C for a case named `add`.
/// A test compares those definitions with these numbers.
public protocol KernelNumbered: RawRepresentable<String>, CaseIterable, Hashable, Sendable {}

extension KernelNumbered {
    /// The number of the case in the kernels.
    public var number: Int { Array(Self.allCases).firstIndex(of: self) ?? 0 }

    /// The name of the number in the sources of the kernels: `LESS_OR_EQUAL` for a case named `lessOrEqual`.
    public var kernelName: String {
        rawValue.reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : $1.uppercased() }
    }
}
