internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegOpCases
internal import SegTensor
internal import SegWeights

/// Replays one op and its gradients through the tensor layer.
struct OpReplay {
    /// The layout of an input or output in MedSeg.
    private enum Order {
        /// The same as in the file.
        case same
        /// Channels last.
        case channelsLast
        /// `[N, heads, T, E]` in the file, `[N, T, heads, E]` here.
        case heads
    }

    let capture: Capture
    private let backend: any Backend

    init(_ capture: Capture, _ backend: any Backend) {
        self.capture = capture
        self.backend = backend
    }

    func run() throws -> [Comparison] {
        var inputs: [String: Tensor] = [:]
        for name in capture.names("in.") {
            let stored = try capture.tensor("in." + name)
            let isLabel = name == "target"
            inputs[name] =
                isLabel
                ? try Tensor(
                    labels: stored.integers().map(Int32.init), shape: Shape([stored.shape[0]] + stored.shape[2...]),
                    on: backend)
                : try load(stored, order(of: name)).tracked()
        }
        let output = try apply(inputs)
        var comparisons = [
            try compare("out.output", output, order(of: "output"), tolerance: Tolerance.op.limit)
        ]
        guard !capture.names("gout.").isEmpty else { return comparisons }
        let upstream = try load(capture.tensor("gout.output"), order(of: "output"))
        let gradients = try output.gradients(upstream: reshape(upstream, output.shape))
        for name in capture.names("gin.") {
            guard let input = inputs[name], let gradient = gradients[input] else {
                throw DataError(.badData, capture.path, key: "gin." + name, "the op has no gradient for this input")
            }
            let isLongSum = name != "input" && output.shape.count / max(input.shape.count, 1) > 100_000
            comparisons.append(
                try compare(
                    "gin." + name, gradient, order(of: name),
                    tolerance: isLongSum ? Tolerance.longReduction.limit : Tolerance.op.limit))
        }
        return comparisons
    }

    private func order(of name: String) -> Order {
        if capture.op == "scaled_dot_product_attention" { return .heads }
        if ["linear", "layer_norm"].contains(capture.op) { return .same }
        return ["input", "output"].contains(name) ? .channelsLast : .same
    }

    private func load(_ stored: StoredTensor, _ order: Order) throws -> Tensor {
        guard stored.shape.count > 1 else {
            return try Tensor(stored.floats(), shape: stored.shape.isEmpty ? [1] : Shape(stored.shape), on: backend)
        }
        switch order {
        case .same: return try Tensor(stored.floats(), shape: Shape(stored.shape), on: backend)
        case .channelsLast: return try Layout.tensor(stored, on: backend)
        case .heads:
            return try Tensor(swapHeads(stored.floats(), stored.shape), shape: swapped(stored.shape), on: backend)
        }
    }

    private func compare(_ name: String, _ ours: Tensor, _ order: Order, tolerance: Double) throws -> Comparison {
        let theirs = try capture.tensor(name)
        let values: [Double]
        switch order {
        case .channelsLast where theirs.shape.count > 1: values = try Layout.channelsFirst(ours)
        case .heads: values = swapHeads(try ours.doubles(), ours.shape.dimensions)
        default: values = try ours.doubles()
        }
        return Comparison(name, ours: values, theirs: theirs.floats(), tolerance: tolerance)
    }

    private func swapped(_ shape: [Int]) -> Shape { [shape[0], shape[2], shape[1], shape[3]] }

    /// Permutes `[N, A, B, E]` to `[N, B, A, E]`.
    private func swapHeads<T>(_ values: [T], _ shape: [Int]) -> [T] {
        let (a, b, e) = (shape[1], shape[2], shape[3])
        return (0..<values.count).map { index in
            let (n, rest) = index.quotientAndRemainder(dividingBy: a * b * e)
            let (row, inner) = rest.quotientAndRemainder(dividingBy: a * e)
            let (column, element) = inner.quotientAndRemainder(dividingBy: e)
            return values[((n * a + column) * b + row) * e + element]
        }
    }
}
