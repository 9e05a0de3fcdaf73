/// Ops that a kernel tells apart by a number: the place of a case among all cases.
///
/// The numbers stand in the sources of the kernels too, `SEGCPU_ADD` in C and `ADD` in OpenCL C for a case named `add`;
/// a test reads those sources and holds them against this.
public protocol KernelNumbered: RawRepresentable<String>, CaseIterable, Hashable, Sendable {}

extension KernelNumbered {
    /// The kernels' number for it.
    public var number: Int { Array(Self.allCases).firstIndex(of: self) ?? 0 }

    /// The name of the number in the sources of the kernels: `LESS_OR_EQUAL` for a case named `lessOrEqual`.
    public var kernelName: String {
        rawValue.reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : $1.uppercased() }
    }
}
