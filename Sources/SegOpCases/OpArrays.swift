package import SegBackend
internal import SegCore

/// The arrays of one case on one backend: inputs generated from counters, and outputs between guard bands.
///
/// Inputs are 32-bit floats on every backend, so the reference computes from exactly the same numbers. The elements
/// beside an input are NaN; outputs that will be overwritten start as NaN.
package final class OpArrays {
    package let backend: any Backend
    private let caseName: String
    private let guardBand: Int
    private var made: UInt32 = 0
    private var inputs: [Input] = []
    private var results: [Result] = []
    var differentiation: Differentiation?

    private struct Input {
        let view: BufferView
        let number: UInt32
        let values: (UInt32) -> [Float]
    }

    private struct Result {
        let name: String
        let view: BufferView
        let tolerance: Tolerance
    }

    init(backend: any Backend, caseName: String, guardBand: Int) {
        self.backend = backend
        self.caseName = caseName
        self.guardBand = guardBand
    }

    /// The number of elements of all arrays together.
    var elements: Int { (inputs.map(\.view) + results.map(\.view)).map(\.count).reduce(0, +) }

    // MARK: Inputs

    /// An input of floats, uniformly distributed over a range.
    package func input(_ shape: Shape, _ range: Range<Float>) throws -> BufferView {
        try input(shape, backend.scalar, beside: .nan) { [unowned self] in uniform($0, shape.count, range) }
    }

    /// An input of floats from −1 to 1.
    package func input(_ shape: Shape) throws -> BufferView { try input(shape, -1..<1) }

    /// The upstream gradient of an output; its mean is not zero, so that its sums are not close to zero.
    package func upstream(_ shape: Shape) throws -> BufferView { try input(shape, -0.75..<1.25) }

    /// An input of integers, uniformly distributed over a range.
    package func integers(_ shape: Shape, _ range: Range<Int>, _ dtype: DType) throws -> BufferView {
        try input(shape, dtype, beside: 0) { [unowned self] in
            uniform($0, shape.count, 0..<1).map {
                Float(range.lowerBound) + ($0 * Float(range.count)).rounded(.down)
            }
        }
    }

    private func input(
        _ shape: Shape, _ dtype: DType, beside: Double, values: @escaping (UInt32) -> [Float]
    ) throws -> BufferView {
        let (whole, view) = try place(shape, dtype)
        try backend.fill(whole, with: beside)
        made += 1
        try upload(values(made), to: view)
        inputs.append(Input(view: view, number: made, values: values))
        return view
    }

    // MARK: Outputs

    /// An output that starts as NaN, or with `accumulate` with values to which the op must add.
    package func output(_ name: String, _ shape: Shape, accumulate: Bool, _ tolerance: Tolerance) throws -> BufferView {
        let view = try guarded(name, shape, backend.scalar, tolerance)
        guard accumulate else {
            try backend.fill(view, with: .nan)
            return view
        }
        made += 1
        try upload(uniform(made, shape.count, -1..<1), to: view)
        return view
    }

    /// An output that starts as NaN.
    package func output(_ name: String, _ shape: Shape, _ tolerance: Tolerance) throws -> BufferView {
        try output(name, shape, accumulate: false, tolerance)
    }

    /// An array that the op changes in place; it starts with floats of a range.
    package func state(_ name: String, _ shape: Shape, _ range: Range<Float>, _ tolerance: Tolerance) throws
        -> BufferView
    {
        let view = try guarded(name, shape, backend.scalar, tolerance)
        made += 1
        try upload(uniform(made, shape.count, range), to: view)
        return view
    }

    /// An array that the op changes in place; it starts with zeros.
    package func zeros(_ name: String, _ shape: Shape, _ tolerance: Tolerance) throws -> BufferView {
        let view = try guarded(name, shape, backend.scalar, tolerance)
        try backend.fill(view, with: 0)
        return view
    }

    /// An output of another element type, which starts with the same small number in every element.
    package func output(_ name: String, _ shape: Shape, _ dtype: DType, startingAt value: Double) throws -> BufferView {
        let view = try guarded(name, shape, dtype, .exact)
        try backend.fill(view, with: value)
        return view
    }

    /// An array for intermediate results of one case, which is not compared.
    package func scratch(_ shape: Shape, _ dtype: DType) throws -> BufferView { try place(shape, dtype).view }

    private func guarded(
        _ name: String, _ shape: Shape, _ dtype: DType, _ tolerance: Tolerance
    ) throws -> BufferView {
        let (whole, view) = try place(shape, dtype)
        try backend.fill(whole, with: sentinel(dtype))
        results.append(Result(name: name, view: view, tolerance: tolerance))
        return view
    }

    private func place(_ shape: Shape, _ dtype: DType) throws -> (whole: BufferView, view: BufferView) {
        let whole = try backend.allocate([shape.count + 2 * guardBand], dtype)
        return (whole, BufferView(buffer: whole.buffer, offset: guardBand, shape: shape, dtype: dtype))
    }

    /// The value of guard bands.
    private func sentinel(_ dtype: DType) -> Double { dtype.isFloating ? -12345.5 : 123 }

    // MARK: Values

    /// Random floats of a range; they depend only on the case's name and the array's number.
    private func uniform(_ number: UInt32, _ count: Int, _ range: Range<Float>) -> [Float] {
        // The FNV-1a hash of the name is the key of the generator.
        let hash = caseName.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let key = (UInt32(truncatingIfNeeded: hash), UInt32(truncatingIfNeeded: hash >> 32))
        let step = (range.upperBound - range.lowerBound) / Float(1 << 24)
        var values = [Float](repeating: 0, count: count)
        for block in 0..<(count + 3) / 4 {
            let words = Philox4x32.words(counter: (UInt32(truncatingIfNeeded: block), number, 0, 0), key: key)
            let four = [words.0, words.1, words.2, words.3]
            for lane in 0..<min(4, count - block * 4) {
                values[block * 4 + lane] = range.lowerBound + step * Float(four[lane] >> 8)
            }
        }
        return values
    }

    private func upload(_ values: [Float], to view: BufferView) throws {
        switch view.dtype {
        case .f32: try values.withUnsafeBytes { try backend.upload($0, to: view) }
        case .f64: try values.map(Double.init).withUnsafeBytes { try backend.upload($0, to: view) }
        case .i32: try values.map { Int32($0) }.withUnsafeBytes { try backend.upload($0, to: view) }
        case .u8: try values.map { UInt8($0) }.withUnsafeBytes { try backend.upload($0, to: view) }
        }
    }

    // MARK: Results

    /// Checks that inputs and guard bands are unchanged, and reads the outputs.
    func collect() throws -> [OpOutput] {
        try backend.synchronize()
        for input in inputs where try read(input.view) != input.values(input.number).map(Double.init) {
            throw OpCaseError.changedInput(caseName: caseName, input: Int(input.number))
        }
        return try results.map { result in
            try checkGuards(of: result)
            return OpOutput(name: result.name, values: try read(result.view), tolerance: result.tolerance)
        }
    }

    /// The name of an output.
    func name(of view: BufferView) -> String { results.first { $0.view.buffer === view.buffer }?.name ?? "" }

    /// Replaces the values of an array of 64-bit floats.
    func write(_ values: [Double], to view: BufferView) throws {
        try values.withUnsafeBytes { try backend.upload($0, to: view) }
    }

    private func checkGuards(of result: Result) throws {
        let (view, expected) = (result.view, sentinel(result.view.dtype))
        for start in [-guardBand, view.count] {
            let band = BufferView(
                buffer: view.buffer, offset: view.offset + start, shape: [guardBand], dtype: view.dtype)
            if let at = try read(band).firstIndex(where: { $0 != expected }) {
                throw OpCaseError.wroteOutside(caseName: caseName, output: result.name, element: start + at)
            }
        }
    }

    func read(_ view: BufferView) throws -> [Double] {
        switch view.dtype {
        case .f32: try download(view, Float(0)).map(Double.init)
        case .f64: try download(view, 0.0)
        case .i32: try download(view, Int32(0)).map(Double.init)
        case .u8: try download(view, UInt8(0)).map(Double.init)
        }
    }

    private func download<T>(_ view: BufferView, _ zero: T) throws -> [T] {
        var values = [T](repeating: zero, count: view.count)
        try values.withUnsafeMutableBytes { try backend.download(view, into: $0) }
        return values
    }
}
