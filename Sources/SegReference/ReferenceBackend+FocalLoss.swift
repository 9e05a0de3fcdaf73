import Foundation
public import SegBackend

extension ReferenceBackend {
    /// Computes the focal loss over the sigmoid of each class, as `monai.losses.FocalLoss`.
    public func focalLoss(
        _ logits: BufferView, labels: BufferView, _ params: FocalParams, into loss: BufferView
    ) throws {
        var total = 0.0
        focal(logits, labels, params) { _, z, _, weight in
            total += weight * pow(1 / (1 + exp(z)), Double(params.gamma)) * softplus(-z)
        }
        loss.doubles[0] = total
    }

    /// The chain rule: with q = 1 − p, ∂(q^γ · −log p) / ∂z = −q^γ (γ (1 − q) · −log p + q).
    public func focalLossBackward(
        _ logits: BufferView, labels: BufferView, upstream: BufferView, _ params: FocalParams, into gx: BufferView,
        accumulate: Bool
    ) throws {
        let (gx, upstream, gamma) = (gx.doubles, upstream.doubles[0], Double(params.gamma))
        focal(logits, labels, params) { at, z, sign, weight in
            let q = 1 / (1 + exp(z))
            let slope = -pow(q, gamma) * (gamma * (1 - q) * softplus(-z) + q)
            let value = upstream * weight * sign * slope
            gx[at] = accumulate ? gx[at] + value : value
        }
    }

    /// Calls `body` for each element with sign · logit, the sign, and the factor of its loss. The sign is −1 if the reference
    /// is 0.
    private func focal(
        _ logits: BufferView, _ labels: BufferView, _ params: FocalParams,
        _ body: (_ element: Int, _ z: Double, _ sign: Double, _ weight: Double) -> Void
    ) {
        let (x, labels, shape) = (logits.doubles, labels.integers, logits.shape)
        for row in 0..<shape.rows {
            for c in 0..<shape.channels {
                let isReference = shape.channels == 1 ? labels[row] == 1 : Int(labels[row]) == c
                let share = params.share(c, of: shape.channels, samples: shape.batch, positions: shape.positions)
                let balance = params.alpha.map { Double(isReference ? $0 : 1 - $0) } ?? 1
                let at = row * shape.channels + c
                let sign = isReference ? 1.0 : -1
                body(at, sign * x[at], sign, share * balance)
            }
        }
    }
}

/// log(1 + e^x) without overflow.
private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
