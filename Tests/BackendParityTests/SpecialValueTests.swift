import SegBackend
import SegCore
import SegOpCases
import Testing

/// NaN, infinities and zeros give the same results as in PyTorch; the numbers are those of torch 2.13 in f32.
@Suite struct SpecialValueTests {
    private static let nan = Float.nan
    private static let inf = Float.infinity
    private static let values: [Float] = [nan, inf, -inf, 0, -0.0, -1.5, 2, 0.25]

    private static let unaries: [UnaryOp: [Float]] = [
        .exp: [nan, inf, 0, 1, 1, 0.22313017, 7.389056, 1.2840254],
        .log: [nan, inf, nan, -inf, -inf, nan, 0.6931472, -1.3862944],
        .log1p: [nan, inf, nan, 0, -0.0, nan, 1.0986123, 0.22314355],
        .sqrt: [nan, inf, nan, 0, -0.0, nan, 1.4142135, 0.5],
        .reciprocal: [nan, 0, -0.0, inf, -inf, -0.6666667, 0.5, 4],
        .abs: [nan, inf, inf, 0, 0, 1.5, 2, 0.25],
        .sign: [0, 1, -1, 0, 0, -1, 1, 1],
    ]

    /// One row per base, one column per exponent.
    private static let powers: [Float] = [
        nan, nan, nan, 1, 1, nan, nan, nan,
        nan, inf, 0, 1, 1, 0, inf, inf,
        nan, inf, 0, 1, 1, 0, inf, inf,
        nan, 0, inf, 1, 1, inf, 0, 0,
        nan, 0, inf, 1, 1, inf, 0, 0,
        nan, inf, 0, 1, 1, nan, 2.25, nan,
        nan, inf, 0, 1, 1, 0.35355338, 4, 1.1892071,
        nan, 0, inf, 1, 1, 8, 0.0625, 0.70710677,
    ]

    private static func expected(_ op: BinaryOp, _ a: Float, _ b: Float, _ place: Int) -> Float {
        switch op {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .maximum: a.isNaN || b.isNaN ? nan : max(a, b)
        case .minimum: a.isNaN || b.isNaN ? nan : min(a, b)
        case .power: powers[place]
        case .equal: a == b ? 1 : 0
        case .less: a < b ? 1 : 0
        case .lessOrEqual: a <= b ? 1 : 0
        case .mask: b == 0 ? 0 : a
        }
    }

    /// Whether a result is the expected one: with its sign if it is infinite, close to it otherwise.
    private static func agrees(_ result: Double, _ expected: Float) -> Bool {
        if expected.isNaN || expected.isInfinite {
            return expected.isNaN ? result.isNaN : result == Double(expected)
        }
        return abs(result - Double(expected)) <= 1e-6 * abs(Double(expected))
    }

    private func upload(_ values: [Float], on backend: any Backend) throws -> BufferView {
        let view = try backend.allocate([values.count], backend.scalar)
        if backend.scalar == .f64 {
            try values.map(Double.init).withUnsafeBytes { try backend.upload($0, to: view) }
        } else {
            try values.withUnsafeBytes { try backend.upload($0, to: view) }
        }
        return view
    }

    private func download(_ view: BufferView, from backend: any Backend) throws -> [Double] {
        guard backend.scalar == .f32 else {
            var values = [Double](repeating: 0, count: view.count)
            try values.withUnsafeMutableBytes { try backend.download(view, into: $0) }
            return values
        }
        var values = [Float](repeating: 0, count: view.count)
        try values.withUnsafeMutableBytes { try backend.download(view, into: $0) }
        return values.map(Double.init)
    }

    @Test(arguments: backends)
    func unaryArithmeticIsPyTorchs(_ factory: BackendFactory) throws {
        let backend = try factory.make()
        for op in UnaryOp.allCases {
            // The values are repeated to fill whole vectors, and once more for the remainder of a vector.
            for copies in [2, 3] {
                let x = try upload([[Float]](repeating: Self.values, count: copies).flatMap(\.self), on: backend)
                let y = try backend.allocate(x.shape, x.dtype)
                try backend.unary(op, x, into: y)
                let results = try download(y, from: backend)
                let expected = try #require(Self.unaries[op])
                for (place, result) in results.enumerated() {
                    #expect(
                        Self.agrees(result, expected[place % 8]), "\(op)(\(Self.values[place % 8])) is \(result)")
                }
            }
        }
    }

    @Test(arguments: backends)
    func binaryArithmeticIsPyTorchs(_ factory: BackendFactory) throws {
        let backend = try factory.make()
        let count = Self.values.count
        let (a, b) = (try upload(Self.values, on: backend), try upload(Self.values, on: backend))
        for op in BinaryOp.allCases {
            let y = try backend.allocate([count, count], backend.scalar)
            try backend.binary(op, a.reshaped([count, 1]), b, into: y)
            for (place, result) in try download(y, from: backend).enumerated() {
                let (left, right) = (Self.values[place / count], Self.values[place % count])
                #expect(
                    Self.agrees(result, Self.expected(op, left, right, place)), "\(left) \(op) \(right) is \(result)")
            }
        }
    }

    /// Damaged weights must show in the output on every device.
    @Test(arguments: backends)
    func activationsAndPoolsKeepNaN(_ factory: BackendFactory) throws {
        let backend = try factory.make()
        let x = try upload([Float](repeating: .nan, count: 19), on: backend)
        for activation in Activation.all {
            let y = try backend.allocate(x.shape, x.dtype)
            let slope = activation == .prelu ? try upload([0.25], on: backend) : nil
            try backend.activate(x, activation, slope: slope, into: y)
            #expect(try download(y, from: backend).allSatisfy(\.isNaN), "\(activation)")
        }
        let volume = try upload([1, 2, .nan, 3, 4, 5, 6, 7], on: backend).reshaped([1, 2, 2, 2, 1])
        let y = try backend.allocate([1, 1, 1, 1, 1], backend.scalar)
        let indices = try backend.allocate([1, 1, 1, 1, 1], .i32)
        let params = Pool3dParams(kernel: Triple(2), stride: Triple(2), padding: Triple(0))
        try backend.maxPool3d(volume, params, into: y, indices: indices)
        #expect(try download(y, from: backend).allSatisfy(\.isNaN))
    }

    /// For no elements the sum is 0, the mean NaN and the maximum the smallest number.
    @Test(arguments: backends)
    func nothingIsReducedAsInPyTorch(_ factory: BackendFactory) throws {
        let backend = try factory.make()
        let x = try backend.allocate([0, 3], backend.scalar)
        for (op, expected) in [(ReduceOp.sum, 0), (.mean, Float.nan), (.max, -Float.infinity)] {
            let y = try upload([7, 7, 7], on: backend)
            try backend.reduce(op, x, outer: 1, inner: 3, into: y, accumulate: false)
            for result in try download(y, from: backend) {
                #expect(Self.agrees(result, expected), "\(op) is \(result)")
            }
        }
    }

    /// Along a row and along a column, in whole vectors and in remainders.
    @Test(arguments: backends)
    func aNaNIsTheLargest(_ factory: BackendFactory) throws {
        let backend = try factory.make()
        for place in [0, 1, 15, 16, 36] {
            var values = (0..<37).map { Float($0) - 18 }
            values[place] = .nan
            for (outer, inner) in [(1, 1), (1, 37), (37, 1)] {
                let x = try upload(values, on: backend)
                let y = try backend.allocate([outer * inner], backend.scalar)
                try backend.reduce(.max, x, outer: outer, inner: inner, into: y, accumulate: false)
                let results = try download(y, from: backend)
                for (index, result) in results.enumerated() {
                    #expect(result.isNaN == (results.count == 1 || index == place), "\(outer)x\(inner): \(result)")
                }
            }
        }
    }
}
