public import SegBackend

/// One op on one set of inputs: a description that serves parity tests, gradient checks and the benchmark.
public struct OpCase: Sendable {
    /// Makes the arrays on a backend and returns what runs the op on them.
    package typealias Setup = @Sendable (_ arrays: OpArrays) throws -> () throws -> Void

    /// What it computes and on which sizes: `conv3d_16to32_9x7x5_k3_s2`.
    public let name: String
    /// The op's family: `conv3d`, `norm`.
    public let op: String
    /// Floating-point operations of one execution, a multiply-add counted as two; nil where it says little.
    public let flops: Int?
    /// Bytes that one execution has to read and write in f32; nil where it says little.
    public let bytes: Int?
    /// Elements on either side of each array, so that what is written or read beside it shows.
    let guardBand: Int
    private let setup: Setup

    /// Describes a case for tests: the odd guard band leaves arrays without any alignment.
    package init(_ name: String, op: String, flops: Int? = nil, bytes: Int? = nil, setup: @escaping Setup) {
        self.init(name, op: op, flops: flops, bytes: bytes, guardBand: 67, setup: setup)
    }

    init(_ name: String, op: String, flops: Int?, bytes: Int?, guardBand: Int, setup: @escaping Setup) {
        self.name = name
        self.op = op
        self.flops = flops
        self.bytes = bytes
        self.guardBand = guardBand
        self.setup = setup
    }

    /// The same with arrays that start at a multiple of 64 elements, as a pool gives them; some fast paths ask for that.
    var aligned: OpCase {
        OpCase("\(name)_aligned", op: op, flops: flops, bytes: bytes, guardBand: 64, setup: setup)
    }

    /// Makes inputs and outputs on a backend; `execute` may then be called and timed any number of times.
    /// - Throws: what the backend throws.
    public func prepare(on backend: any Backend) throws -> PreparedOp {
        let arrays = OpArrays(backend: backend, caseName: name, guardBand: guardBand)
        return PreparedOp(arrays: arrays, body: try setup(arrays))
    }

    /// Runs once on a backend and reads the outputs.
    /// - Throws: what the backend throws, and `OpCaseError` where it wrote outside its outputs.
    public func run(on backend: any Backend) throws -> [OpOutput] {
        let prepared = try prepare(on: backend)
        try prepared.execute()
        return try prepared.outputs()
    }
}

extension OpCase: CustomStringConvertible {
    /// The name.
    public var description: String { name }
}

/// A case whose arrays are on a backend.
public final class PreparedOp {
    let arrays: OpArrays
    private let body: () throws -> Void

    init(arrays: OpArrays, body: @escaping () throws -> Void) {
        self.arrays = arrays
        self.body = body
    }

    /// Elements of all arrays together, guard bands left out.
    public var elements: Int { arrays.elements }

    /// Enqueues the op; `synchronize` of the backend waits for it.
    public func execute() throws { try body() }

    /// Waits, checks that guard bands and inputs are as they were, and reads the outputs.
    /// - Throws: `OpCaseError` where they are not.
    public func outputs() throws -> [OpOutput] { try arrays.collect() }
}

/// One result of a case.
public struct OpOutput: Sendable {
    /// Which result: `y`, `gx`.
    public let name: String
    /// The elements.
    public let values: [Double]
    /// How near another backend's must be.
    public let tolerance: Tolerance
}

/// What a backend did to memory that was not its output.
public enum OpCaseError: Error, Sendable {
    /// Elements beside an output changed.
    case wroteOutside(caseName: String, output: String, element: Int)
    /// An input changed.
    case changedInput(caseName: String, input: Int)
}

extension OpCaseError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String {
        switch self {
        case .wroteOutside(let name, let output, let element):
            "\(name): element \(element) of '\(output)' was written, which lies outside it."
        case .changedInput(let name, let input):
            "\(name): input number \(input) was changed; ops may write to their outputs only."
        }
    }
}
