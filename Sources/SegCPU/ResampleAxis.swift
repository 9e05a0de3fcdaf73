import CSegCPU
internal import SegBackend

/// The inputs that each output sums along one axis, and their weights.
struct ResampleAxis {
    /// The size of the input.
    private let inputs: Int
    private var first: [Int32] = []
    /// The index of the first weight of each output, and one more element for the end.
    private var begin: [Int32] = [0]
    private var weights: [Float] = []

    /// Creates the taps of `torch.nn.functional.interpolate`.
    init(from inputs: Int, to outputs: Int, _ params: Resample3dParams) {
        self.inputs = inputs
        for o in 0..<outputs {
            switch params.mode {
            case .nearest: append(first: o * inputs / outputs, [1])
            case .trilinear:
                let position = Self.position(of: o, from: inputs, to: outputs, alignCorners: params.alignCorners)
                let low = min(Int(position), inputs - 1)
                let share = Float(position - Double(low))
                append(first: low, low + 1 < inputs ? [1 - share, share] : [1])
            }
        }
    }

    private init(inputs: Int) { self.inputs = inputs }

    /// The coordinate of an output in the input, not below 0.
    private static func position(of o: Int, from inputs: Int, to outputs: Int, alignCorners: Bool) -> Double {
        if alignCorners { return outputs == 1 ? 0 : Double(o) * Double(inputs - 1) / Double(outputs - 1) }
        return max(0, (Double(o) + 0.5) * Double(inputs) / Double(outputs) - 0.5)
    }

    private mutating func append(first: Int, _ weights: [Float]) {
        self.first.append(Int32(first))
        self.weights += weights
        begin.append(Int32(self.weights.count))
    }

    /// The transposed weights: for each input, the outputs that read it.
    var transposed: ResampleAxis {
        var result = ResampleAxis(inputs: first.count)
        // Outputs read inputs in increasing order, so the outputs that read one input are neighbours.
        var readers = [(first: Int, weights: [Float])](repeating: (0, []), count: inputs)
        for o in first.indices {
            for tap in Int(begin[o])..<Int(begin[o + 1]) {
                let input = Int(first[o]) + tap - Int(begin[o])
                if readers[input].weights.isEmpty { readers[input].first = o }
                readers[input].weights.append(weights[tap])
            }
        }
        for reader in readers { result.append(first: reader.first, reader.weights) }
        return result
    }

    /// Calls `body` with the taps as the kernel's C type.
    func withTaps<Result>(_ body: (segcpu_taps) throws -> Result) rethrows -> Result {
        try first.withUnsafeBufferPointer { first in
            try begin.withUnsafeBufferPointer { begin in
                try weights.withUnsafeBufferPointer { weights in
                    try body(
                        segcpu_taps(
                            first: first.baseAddress, begin: begin.baseAddress, weights: weights.baseAddress))
                }
            }
        }
    }
}
