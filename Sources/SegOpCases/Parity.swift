public import SegBackend

/// A case's results on one backend held against those of another, output by output.
public struct Parity: Sendable {
    /// One output's comparison.
    public struct Row: Sendable {
        /// The output.
        public let output: String
        /// How far it is off.
        public let error: ResultError
        /// How far it may be.
        public let tolerance: Tolerance
        /// Whether it is near enough.
        public var passes: Bool { error.isWithin(tolerance) }
    }

    /// The case.
    public let name: String
    /// Its outputs.
    public let rows: [Row]
    /// Whether every output is near enough.
    public var passes: Bool { rows.allSatisfy(\.passes) }

    /// Runs a case on a backend and on the reference.
    /// - Parameter allowing: What is allowed of an output instead of what the case says, or nil for that.
    /// - Throws: what the backends throw, and `OpCaseError` where one of them wrote where it must not.
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
    /// Runs a case on a backend and on the reference, at the case's own tolerances, and at Winograd's where the CPU takes
    /// F(4, 5) unasked.
    /// - Throws: what the backends throw, and `OpCaseError` where one of them wrote where it must not.
    public init(_ opCase: OpCase, on backend: any Backend, against reference: any Backend) throws {
        try self.init(opCase, on: backend, against: reference) { output in
            backend.name == "cpu" && OpCases.isWinogradOfFiveTaps(opCase, output: output) ? .winograd : nil
        }
    }
}

extension Parity: CustomStringConvertible {
    /// A line for each output that is too far off.
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
