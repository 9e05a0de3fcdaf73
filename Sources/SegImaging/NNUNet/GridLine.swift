internal import SegCore

/// The resampling of one axis of an image to another number of samples; the axis's outer faces keep their positions.
enum GridLine {
    /// Cubic B-splines.
    case cubic(CubicLine)
    /// Linear interpolation between the two nearest samples.
    case linear([LinearTap])

    /// The number of samples of the result.
    private var count: Int {
        switch self {
        case .cubic(let line): line.count
        case .linear(let taps): taps.count
        }
    }

    /// Creates an axis of `count` samples from an axis of `source` samples.
    init(_ order: NNUNetResampling.Order, from source: Int, to count: Int) {
        switch order {
        case .cubic: self = .cubic(CubicLine(from: source, to: count))
        case .linear:
            let places = GridSampling.centres(from: source, to: count)
            self = .linear(places.map { LinearTap(min(max($0, 0), Double(source - 1)), extent: source) })
        }
    }

    /// Interpolates adjacent lines; see `CubicLine`.
    private func callAsFunction(
        _ input: UnsafePointer<Float>, inputStep: Int, width: Int, into output: UnsafeMutablePointer<Float>,
        outputStep: Int, scratch: inout [Double]
    ) {
        switch self {
        case .cubic(let line):
            line(
                input, inputStep: inputStep, width: width, into: output, outputStep: outputStep, scratch: &scratch)
        case .linear(let taps):
            for (row, tap) in taps.enumerated() {
                let (low, high) = (input + tap.low * inputStep, input + tap.high * inputStep)
                let target = output + row * outputStep
                for column in 0..<width {
                    target[column] = Float(
                        Double(low[column]) * tap.lowWeight + Double(high[column]) * tap.highWeight)
                }
            }
        }
    }

    /// The number of lines that are interpolated together along axes 0 and 1.
    private static let width = 64
    /// The number of lines that are interpolated together along axis 2, after they are copied into a transposed buffer.
    private static let gathered = 16

    /// An image with another number of samples along an axis.
    /// - Parameter size: The size of the image; it is changed to the size of the result.
    func resample(_ voxels: [Float], _ size: inout Triple, along axis: Int) -> [Float] {
        let old = size
        size[axis] = count
        let new = size
        return [Float](unsafeUninitializedCapacity: new.count) { output, initialised in
            voxels.withUnsafeBufferPointer { input in
                guard let from = input.baseAddress, let to = output.baseAddress else { return }
                if axis == 2 {
                    resampleRows(from, to, rows: old.d * old.h, old.w)
                } else {
                    let (outer, inner) = axis == 0 ? (1, old.h * old.w) : (old.d, old.w)
                    resampleColumns(from, to, outer: outer, inner: inner, old[axis])
                }
            }
            initialised = new.count
        }
    }

    private func resampleColumns(
        _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, outer: Int, inner: Int, _ extent: Int
    ) {
        nonisolated(unsafe) let (input, output) = (input, output)
        let chunks = (inner + Self.width - 1) / Self.width
        concurrently(outer * chunks) { part in
            var scratch: [Double] = []
            for piece in part {
                let (block, first) = (piece / chunks, piece % chunks * Self.width)
                self(
                    input + block * extent * inner + first, inputStep: inner, width: min(Self.width, inner - first),
                    into: output + block * count * inner + first, outputStep: inner, scratch: &scratch)
            }
        }
    }

    private func resampleRows(
        _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, rows: Int, _ extent: Int
    ) {
        nonisolated(unsafe) let (input, output) = (input, output)
        concurrently((rows + Self.gathered - 1) / Self.gathered) { part in
            var scratch: [Double] = []
            var columns = [Float](repeating: 0, count: extent * Self.gathered)
            var results = [Float](repeating: 0, count: count * Self.gathered)
            for piece in part {
                let first = piece * Self.gathered
                let width = min(Self.gathered, rows - first)
                for row in 0..<width {
                    let line = input + (first + row) * extent
                    for index in 0..<extent { columns[index * width + row] = line[index] }
                }
                columns.withUnsafeBufferPointer { columns in
                    results.withUnsafeMutableBufferPointer { results in
                        guard let from = columns.baseAddress, let to = results.baseAddress else { return }
                        self(from, inputStep: width, width: width, into: to, outputStep: width, scratch: &scratch)
                    }
                }
                for row in 0..<width {
                    let line = output + (first + row) * count
                    for index in 0..<count { line[index] = results[index * width + row] }
                }
            }
        }
    }
}
