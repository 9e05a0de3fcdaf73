import Foundation
public import SegBackend

extension ReferenceBackend {
    /// Computes the weighted sum of the Dice loss and the cross entropy, as `monai.losses.DiceCELoss`.
    public func diceCELoss(
        _ logits: BufferView, labels: BufferView, _ params: DiceCEParams, into loss: BufferView, sums: BufferView
    ) throws {
        let rule = DiceCE(logits.shape, params)
        let (x, labels, totals) = (logits.doubles, labels.integers, sums.doubles)
        totals.update(repeating: 0, count: sums.count)
        var p = [Double](repeating: 0, count: rule.channels)
        for row in 0..<rule.rows where rule.takesPart(labels[row]) {
            rule.predict(x + row * rule.channels, into: &p)
            for c in 0..<rule.channels {
                let at = rule.entry(row, c)
                let g = rule.target(labels[row], c)
                totals[at] += p[c] * g
                totals[rule.entries + at] += params.squaredPred ? p[c] * p[c] : p[c]
                totals[2 * rule.entries + at] += params.squaredPred ? g * g : g
                totals[3 * rule.entries + at] += 1
            }
        }
        let entropy = params.lambdaCE == 0 ? 0 : rule.crossEntropy(x, labels)
        loss.doubles[0] = Double(params.lambdaDice) * rule.dice(totals) + Double(params.lambdaCE) * entropy
    }

    /// Applies the chain rule through both terms.
    public func diceCELossBackward(
        _ logits: BufferView, labels: BufferView, sums: BufferView, upstream: BufferView, _ params: DiceCEParams,
        into gx: BufferView, accumulate: Bool
    ) throws {
        let rule = DiceCE(logits.shape, params)
        let (x, labels, gx, upstream) = (logits.doubles, labels.integers, gx.doubles, upstream.doubles[0])
        let terms = rule.terms(sums.doubles)
        let divisor = rule.crossEntropyDivisor(labels)
        var p = [Double](repeating: 0, count: rule.channels)
        for row in 0..<rule.rows {
            let first = row * rule.channels
            guard rule.takesPart(labels[row]) else {
                if !accumulate { (gx + first).update(repeating: 0, count: rule.channels) }
                continue
            }
            rule.predict(x + first, into: &p)
            let slopes = (0..<rule.channels).map { c in
                terms[rule.entry(row, c)].slope(
                    prediction: p[c], target: rule.target(labels[row], c), params)
            }
            let dice = rule.throughPrediction(slopes, p)
            let entropy =
                params.lambdaCE == 0
                ? [Double](repeating: 0, count: rule.channels) : rule.crossEntropySlopes(x + first, labels[row])
            for c in 0..<rule.channels {
                let value =
                    upstream * (Double(params.lambdaDice) * dice[c] + Double(params.lambdaCE) * entropy[c] / divisor)
                gx[first + c] = accumulate ? gx[first + c] + value : value
            }
        }
    }
}
