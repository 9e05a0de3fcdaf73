import Foundation
import SegBackend

/// The computations that the value and the gradient of the Dice and cross-entropy loss share.
///
/// With one class, MONAI ignores options without a meaning: softmax, leaving out the background, and class weights in
/// Dice. The cross entropy is then the binary one, and the class weight is torch's `pos_weight`. Regions have a binary
/// cross entropy for each channel.
struct DiceCE {
    let rows: Int
    let channels: Int
    /// The number of samples times the number of classes.
    let entries: Int
    private let batch: Int
    private let positions: Int
    private let params: DiceCEParams

    init(_ shape: Shape, _ params: DiceCEParams) {
        (rows, channels, batch, positions) = (shape.rows, shape.channels, shape.batch, shape.positions)
        entries = batch * channels
        self.params = params
    }

    /// Returns the entry `[n, c]` of the sums for a row.
    func entry(_ row: Int, _ channel: Int) -> Int { row / positions * channels + channel }

    /// Returns the reference of a channel: one-hot of the label; with one class the label itself; for regions, whether
    /// the region's bit is set.
    func target(_ label: Int32, _ channel: Int) -> Double {
        if params.targets == .regions { return Double(label >> channel & 1) }
        return channels == 1 ? Double(label) : Int(label) == channel ? 1 : 0
    }

    /// Returns whether a voxel takes part in the loss; a voxel whose label is below 0 is ignored.
    func takesPart(_ label: Int32) -> Bool { label >= 0 }

    // MARK: Dice

    /// One ratio of the Dice loss and its factor in the mean or sum.
    struct Term {
        /// 1 − numerator / denominator.
        var value: Double
        var numerator: Double
        var denominator: Double
        /// The factor in the loss: the class weight, times 1 / count for a mean; 0 for a background that is left out.
        var share: Double

        /// Returns the derivative of share · value with respect to one prediction.
        func slope(prediction: Double, target: Double, _ params: DiceCEParams) -> Double {
            let sum = params.squaredPred ? 2 * prediction : 1
            let weights = params.ratio.weights
            let below = weights.prediction * sum + weights.overlap * target
            return share * (numerator * below / (denominator * denominator) - weights.numerator * target / denominator)
        }
    }

    /// Computes the Dice loss from its sums; if they run over the batch, a class's N equal terms count once.
    func dice(_ sums: UnsafeMutablePointer<Double>) -> Double {
        terms(sums).reduce(0) { $0 + $1.share * $1.value } / (params.batch ? Double(batch) : 1)
    }

    /// Returns the term of each `[n, c]`; if the sums run over the batch, the N terms of a class are equal.
    func terms(_ sums: UnsafeMutablePointer<Double>) -> [Term] {
        let first = params.includeBackground || channels == 1 ? 0 : 1
        let counted = channels - first
        let weighted = counted > 1 && !params.classWeights.isEmpty
        let ratios = params.batch ? counted : batch * counted
        return (0..<entries).map { entry in
            let channel = entry % channels
            let samples = params.batch ? Array(0..<batch) : [entry / channels]
            let total = (0..<3).map { part in
                samples.reduce(0) { $0 + sums[part * entries + $1 * channels + channel] }
            }
            let weights = params.ratio.weights
            let union = weights.overlap * total[0] + weights.prediction * total[1] + weights.reference * total[2]
            let numerator = weights.numerator * total[0] + Double(params.smoothNr)
            let denominator = union + Double(params.smoothDr)
            var share = params.reduction == .mean ? 1 / Double(ratios) : 1
            if weighted { share *= Double(params.classWeights[channel]) }
            if channel < first { share = 0 }
            return Term(
                value: 1 - numerator / denominator, numerator: numerator, denominator: denominator, share: share)
        }
    }

    /// Computes the probabilities of one row of logits.
    func predict(_ x: UnsafeMutablePointer<Double>, into p: inout [Double]) {
        for c in 0..<channels { p[c] = params.probabilities == .sigmoid ? 1 / (1 + exp(-x[c])) : x[c] }
        guard params.probabilities == .softmax && channels > 1 else { return }
        p.withUnsafeMutableBufferPointer { p in
            if let base = p.baseAddress { Softmax.write(base, channels, into: base) }
        }
    }

    /// Converts derivatives with respect to the probabilities to derivatives with respect to the logits.
    func throughPrediction(_ slopes: [Double], _ p: [Double]) -> [Double] {
        switch params.probabilities {
        case .sigmoid: return (0..<channels).map { slopes[$0] * p[$0] * (1 - p[$0]) }
        case .softmax where channels > 1:
            let dot = zip(slopes, p).reduce(0) { $0 + $1.0 * $1.1 }
            return (0..<channels).map { p[$0] * (slopes[$0] - dot) }
        case .softmax, .identity: return slopes
        }
    }

    // MARK: Cross entropy

    private func weight(_ channel: Int) -> Double {
        params.classWeights.isEmpty ? 1 : Double(params.classWeights[channel])
    }

    private var isBinary: Bool { params.isBinary(channels: channels) }

    /// Returns the divisor of the sum over rows. For several classes it is the sum of the labels' weights; otherwise it
    /// is the number of rows that take part, times the number of channels. It is 1 for the reduction `sum`, and if no
    /// row takes part.
    func crossEntropyDivisor(_ labels: UnsafeMutablePointer<Int32>) -> Double {
        let taking = (0..<rows).lazy.map { labels[$0] }.filter(takesPart)
        if params.reduction == .sum || taking.isEmpty { return 1 }
        return isBinary ? Double(taking.count * channels) : taking.reduce(0) { $0 + weight(Int($1)) }
    }

    /// Computes the cross entropy of raw logits.
    func crossEntropy(_ x: UnsafeMutablePointer<Double>, _ labels: UnsafeMutablePointer<Int32>) -> Double {
        var probabilities = [Double](repeating: 0, count: channels)
        var sum = 0.0
        for row in 0..<rows where takesPart(labels[row]) {
            let logits = x + row * channels
            if isBinary {
                for c in 0..<channels {
                    let g = target(labels[row], c)
                    // log(1 + e^-x) without overflow.
                    let softplus = max(-logits[c], 0) + log1p(exp(-abs(logits[c])))
                    sum += (1 - g) * logits[c] + (1 + (weight(c) - 1) * g) * softplus
                }
            } else {
                let label = Int(labels[row])
                let logSum = probabilities.withUnsafeMutableBufferPointer { p in
                    p.baseAddress.map { Softmax.write(logits, channels, into: $0) } ?? 0
                }
                sum += weight(label) * (logSum - logits[label])
            }
        }
        return sum / crossEntropyDivisor(labels)
    }

    /// Returns the derivatives of one row's cross entropy with respect to its logits, before the division.
    func crossEntropySlopes(_ logits: UnsafeMutablePointer<Double>, _ label: Int32) -> [Double] {
        if isBinary {
            return (0..<channels).map { c in
                let (g, p) = (target(label, c), 1 / (1 + exp(-logits[c])))
                return (1 - g) - (1 + (weight(c) - 1) * g) * (1 - p)
            }
        }
        var slopes = [Double](repeating: 0, count: channels)
        slopes.withUnsafeMutableBufferPointer { p in
            if let base = p.baseAddress { Softmax.write(logits, channels, into: base) }
        }
        slopes[Int(label)] -= 1
        return slopes.map { $0 * weight(Int(label)) }
    }
}
