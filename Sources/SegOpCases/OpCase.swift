public import SegBackend

/// One op on one set of inputs: a description for parity tests, gradient checks and the benchmark.
public struct OpCase: Sendable {
    /// Creates the arrays on a backend and returns a function that runs the op on them.
    package typealias Setup = @Sendable (_ arrays: OpArrays) throws -> () throws -> Void

    /// The op and its sizes: `conv3d_16to32_9x7x5_k3_s2`.
    public let name: String
    /// The op's family: `conv3d`, `norm`.
    public let op: String
    /// The floating-point operations of one execution, a multiply-add counted as two; nil if the number is not
    /// informative.
    public let flops: Int?
    /// The bytes that one execution has to read and write in f32; nil if the number is not informative.
    public let bytes: Int?
    /// The number of additional elements on each side of each array. They reveal reads and writes outside the array.
    let guardBand: Int
    private let setup: Setup

    /// Creates a case for tests; the guard band is an odd number of elements, so arrays are not aligned.
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

    /// The same case with arrays that start at a multiple of 64 elements, as in a pool; some fast paths require that.
    var aligned: OpCase {
        OpCase("\(name)_aligned", op: op, flops: flops, bytes: bytes, guardBand: 64, setup: setup)
    }

    /// Creates inputs and outputs on a backend; `execute` may then be called and timed any number of times.
    /// - Throws: The errors of the backend.
    public func prepare(on backend: any Backend) throws -> PreparedOp {
        let arrays = OpArrays(backend: backend, caseName: name, guardBand: guardBand)
        return PreparedOp(arrays: arrays, body: try setup(arrays))
    }

    /// Runs the case once on a backend and reads the outputs.
    /// - Throws: The errors of the backend, and `OpCaseError` if it wrote outside its outputs.
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

    /// The number of elements of all arrays together, without guard bands.
    public var elements: Int { arrays.elements }

    /// Enqueues the op; `synchronize` of the backend waits for it.
    public func execute() throws { try body() }

    /// Waits, checks that guard bands and inputs are unchanged, and reads the outputs.
    /// - Throws: `OpCaseError` if a guard band or an input changed.
    public func outputs() throws -> [OpOutput] { try arrays.collect() }
}

/// One result of a case.
public struct OpOutput: Sendable {
    /// The name of the result: `y`, `gx`.
    public let name: String
    /// The elements.
    public let values: [Double]
    /// The tolerance of another backend's result.
    public let tolerance: Tolerance
}

/// A forbidden write of a backend to memory that is not its output.
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
            "\(name): element \(element) of '\(output)' was written, but it lies outside the array."
        case .changedInput(let name, let input):
            "\(name): input number \(input) was changed, but ops may only write to their outputs."
        }
    }
}
