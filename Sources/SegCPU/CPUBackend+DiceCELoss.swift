import CSegCPU
public import SegBackend

extension CPUBackend {
    /// Computes the probabilities, the sums of the Dice term and the cross entropy in one pass over the logits.
    public func diceCELoss(
        _ logits: BufferView, labels: BufferView, _ params: DiceCEParams, into loss: BufferView, sums: BufferView
    ) throws {
        let partition = RowPartition(logits.shape, perSample: true)
        let channels = partition.channels
        let lines = 3 * channels + 2
        let partial = try scratch(Double.self, partition.tasks * lines)
        let planes = try scratch(Float.self, 16 * (5 * channels + 2) * threads.count)
        let weights = try classWeights(params, channels)
        defer {
            partial.done()
            planes.done()
            weights.done()
        }
        let (input, truth) = (logits.floats, labels.integers)
        threads.run(partition.tasks) { task, thread in
            let run = partition[task]
            var dice = segcpu_dice(params, channels, weights.base)
            kernels.dice_sums(
                &dice, input + run.start, truth + run.start / channels, run.rows,
                planes.base + 16 * (5 * channels + 2) * thread, partial.base + task * lines)
        }
        var totals = DiceTotals(params, samples: partition.samples, channels: channels)
        for task in 0..<partition.tasks {
            totals.add(partial.base + task * lines, sample: task / partition.chunks)
        }
        loss.floats[0] = Float(totals.loss)
        let output = sums.floats
        for (i, value) in totals.sums.enumerated() { output[i] = Float(value) }
    }

    /// Computes the gradient in one pass, which recomputes the probabilities.
    public func diceCELossBackward(
        _ logits: BufferView, labels: BufferView, sums: BufferView, upstream: BufferView, _ params: DiceCEParams,
        into gx: BufferView, accumulate: Bool
    ) throws {
        let partition = RowPartition(logits.shape, perSample: true)
        let channels = partition.channels
        var totals = DiceTotals(params, samples: partition.samples, channels: channels)
        totals.read(sums.floats)
        let slopes = try scratch(Float.self, 2 * partition.samples * channels)
        let planes = try scratch(Float.self, 48 * channels * threads.count)
        let weights = try classWeights(params, channels)
        defer {
            slopes.done()
            planes.done()
            weights.done()
        }
        let scale = Double(upstream.floats[0])
        for sample in 0..<partition.samples {
            for c in 0..<channels {
                let slope = totals.slopes(sample: sample, channel: c)
                slopes.base[2 * sample * channels + c] = Float(scale * slope.overlap)
                slopes.base[(2 * sample + 1) * channels + c] = Float(scale * slope.size)
            }
        }
        let entropy = Float(scale * totals.entropyFactor)
        let (input, truth, output) = (logits.floats, labels.integers, gx.floats)
        threads.run(partition.tasks) { task, thread in
            let run = partition[task]
            var dice = segcpu_dice(params, channels, weights.base)
            let own = slopes.base + 2 * run.sample * channels
            kernels.dice_gradient(
                &dice, input + run.start, truth + run.start / channels, run.rows, own, own + channels, entropy,
                output + run.start, accumulate, planes.base + 48 * channels * thread)
        }
    }

    private func classWeights(_ params: DiceCEParams, _ channels: Int) throws -> Scratch<Float> {
        let weights = try scratch(Float.self, channels)
        for c in 0..<channels { weights.base[c] = params.weight(c) }
        return weights
    }
}

/// The sums over positions for each sample and class, and the loss computed from them, in Double.
private struct DiceTotals {
    private let params: DiceCEParams
    private let samples: Int
    private let channels: Int
    /// `[4, samples, channels]`: Σ P · G, Σ P (or Σ P²), Σ G, and the number of voxels that are not ignored.
    private(set) var sums: [Double]
    private var entropy = 0.0

    init(_ params: DiceCEParams, samples: Int, channels: Int) {
        (self.params, self.samples, self.channels) = (params, samples, channels)
        sums = [Double](repeating: 0, count: 4 * samples * channels)
    }

    /// Adds the sums that one parallel task computed over its part of a sample.
    mutating func add(_ partial: UnsafePointer<Double>, sample: Int) {
        for kind in 0..<3 {
            for c in 0..<channels { sums[(kind * samples + sample) * channels + c] += partial[kind * channels + c] }
        }
        entropy += partial[3 * channels]
        for c in 0..<channels { sums[(3 * samples + sample) * channels + c] += partial[3 * channels + 1] }
    }

    /// Reads the sums of a forward pass.
    mutating func read(_ values: UnsafePointer<Float>) {
        for i in sums.indices { sums[i] = Double(values[i]) }
    }

    private func sum(_ kind: Int, _ sample: Int, _ c: Int) -> Double {
        guard params.batch else { return sums[(kind * samples + sample) * channels + c] }
        return (0..<samples).reduce(0) { $0 + sums[(kind * samples + $1) * channels + c] }
    }

    /// The first class of the Dice term, which leaves out the background unless that is the only class.
    private var firstClass: Int { params.includeBackground || channels == 1 ? 0 : 1 }
    private var terms: Int { params.batch ? 1 : samples }

    /// The weight of a class's term, including the division of a mean; as in MONAI, a single class has no weight.
    private func factor(_ c: Int) -> Double {
        let classes = channels - firstClass
        let weight = classes == 1 ? 1 : Double(params.weight(c))
        return Double(params.lambdaDice) * weight / (params.reduction == .mean ? Double(terms * classes) : 1)
    }

    private func ratio(_ sample: Int, _ c: Int) -> (numerator: Double, denominator: Double) {
        let (overlap, size, truth) = (sum(0, sample, c), sum(1, sample, c), sum(2, sample, c))
        let weights = params.ratio.weights
        let union = weights.overlap * overlap + weights.prediction * size + weights.reference * truth
        return (weights.numerator * overlap + Double(params.smoothNr), union + Double(params.smoothDr))
    }

    /// The weighted sum of both terms.
    var loss: Double {
        var total = 0.0
        for sample in 0..<terms {
            for c in firstClass..<channels {
                let (numerator, denominator) = ratio(sample, c)
                total += factor(c) * (1 - numerator / denominator)
            }
        }
        return params.lambdaCE == 0 ? total : total + entropyFactor * entropy
    }

    /// The factor of a row's weighted cross entropy; 0 if every row is ignored.
    var entropyFactor: Double {
        guard params.reduction == .mean else { return Double(params.lambdaCE) }
        let taking = sums[(3 * samples * channels)...].reduce(0, +)
        guard taking > 0 else { return 0 }
        if params.isBinary(channels: channels) { return Double(params.lambdaCE) / taking }
        var weight = 0.0
        for sample in 0..<samples {
            for c in 0..<channels { weight += Double(params.weight(c)) * sums[(2 * samples + sample) * channels + c] }
        }
        return Double(params.lambdaCE) / weight
    }

    /// The derivatives of the Dice term with respect to Σ P · G and Σ P of a sample and class.
    func slopes(sample: Int, channel c: Int) -> (overlap: Double, size: Double) {
        guard c >= firstClass else { return (0, 0) }
        let (numerator, denominator) = ratio(sample, c)
        let byUnion = factor(c) * numerator / (denominator * denominator)
        let weights = params.ratio.weights
        let byOverlap = weights.overlap * byUnion - weights.numerator * factor(c) / denominator
        return (byOverlap, weights.prediction * byUnion)
    }
}

extension DiceCEParams {
    fileprivate func weight(_ c: Int) -> Float { classWeights.isEmpty ? 1 : classWeights[c] }
}

extension segcpu_dice {
    fileprivate init(_ params: DiceCEParams, _ channels: Int, _ weights: UnsafePointer<Float>) {
        let kind =
            switch params.probabilities {
            case .softmax: SEGCPU_BY_SOFTMAX
            case .sigmoid: SEGCPU_BY_SIGMOID
            case .identity: SEGCPU_AS_THEY_ARE
            }
        self.init(
            channels: channels, probabilities: Int32(kind), squared: params.squaredPred,
            cross_entropy: params.lambdaCE != 0, regions: params.targets == .regions, weights: weights)
    }
}
