public import SegBackend

/// The results of a case on one backend compared with the results on another, output by output.
public struct Parity: Sendable {
    /// The comparison of one output.
    public struct Row: Sendable {
        /// The name of the output.
        public let output: String
        /// The error.
        public let error: ResultError
        /// The tolerance.
        public let tolerance: Tolerance
        /// Whether the error is within the tolerance.
        public var passes: Bool { error.isWithin(tolerance) }
    }

    /// The name of the case.
    public let name: String
    /// The comparisons of its outputs.
    public let rows: [Row]
    /// Whether every output is within its tolerance.
    public var passes: Bool { rows.allSatisfy(\.passes) }

    /// Runs a case on a backend and on the reference.
    /// - Parameter allowing: Returns the tolerance of an output that replaces the case's, or nil to keep the case's.
    /// - Throws: The errors of the backends, and `OpCaseError` if a backend wrote to memory outside its outputs.
    public init(
        _ opCase: OpCase, on backend: any Backend, against reference: any Backend,
        allowing tolerance: (_ output: String) -> Tolerance?
    ) throws {
        let results = try opCase.run(on: backend)
        let expected = try opCase.run(on: reference)
        name = opCase.name
        rows = zip(results, expected).map { result, expected in
            Row(
                output: result.name, error: ResultError(result.values, expected: expected.values),
                tolerance: tolerance(result.name) ?? result.tolerance)
        }
    }
}

extension Parity {
    /// Runs a case on a backend and on the reference, with the case's own tolerances, but with the tolerance of
    /// Winograd's algorithm for outputs that the CPU may choose to compute by F(2, 5) or F(4, 5).
    /// - Throws: The errors of the backends, and `OpCaseError` if a backend wrote to memory outside its outputs.
    public init(_ opCase: OpCase, on backend: any Backend, against reference: any Backend) throws {
        try self.init(opCase, on: backend, against: reference) { output in
            backend.name == "cpu" && OpCases.isWinogradOfFiveTaps(opCase, output: output) ? .winograd : nil
        }
    }
}

extension Parity: CustomStringConvertible {
    /// A line for each output that exceeds its tolerance.
    public var description: String {
        let failed = rows.filter { !$0.passes }
        return failed.isEmpty
            ? "\(name): ok"
            : failed.map {
                "\(name): \($0.output) is off by \($0.error.relative) (relative L2), \($0.error.largest) (largest); "
                    + "\($0.tolerance) allows \($0.tolerance.limit)"
            }.joined(separator: "\n")
    }
}
