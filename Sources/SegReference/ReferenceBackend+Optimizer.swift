import Foundation
public import SegBackend

extension ReferenceBackend {
    /// One step of Adam or AdamW.
    public func adamStep(_ slots: [AdamSlot], _ params: AdamParams) throws {
        let (rate, decay, epsilon) = (
            Double(params.learningRate), Double(params.weightDecay), Double(params.epsilon)
        )
        let (beta1, beta2) = (Double(params.beta1), Double(params.beta2))
        let correction1 = 1 - pow(beta1, Double(params.step))
        let correction2 = 1 - pow(beta2, Double(params.step))
        for slot in slots {
            let (p, g) = (slot.parameter.doubles, slot.gradient.doubles)
            let (m, v) = (slot.firstMoment.doubles, slot.secondMoment.doubles)
            for i in 0..<slot.parameter.count {
                if params.decoupled { p[i] *= 1 - rate * decay }
                let gradient = params.decoupled ? g[i] : g[i] + decay * p[i]
                m[i] = beta1 * m[i] + (1 - beta1) * gradient
                v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient
                p[i] -= rate * (m[i] / correction1) / ((v[i] / correction2).squareRoot() + epsilon)
            }
        }
    }

    /// One step of SGD.
    public func sgdStep(_ slots: [SGDSlot], _ params: SGDParams) throws {
        let (rate, decay) = (Double(params.learningRate), Double(params.weightDecay))
        let (momentum, fresh) = (Double(params.momentum), 1 - Double(params.dampening))
        for slot in slots {
            let (p, g, buffer) = (slot.parameter.doubles, slot.gradient.doubles, slot.momentum?.doubles)
            for i in 0..<slot.parameter.count {
                var step = g[i] + decay * p[i]
                if let buffer {
                    buffer[i] = params.step == 1 ? step : momentum * buffer[i] + fresh * step
                    step = params.nesterov ? step + momentum * buffer[i] : buffer[i]
                }
                p[i] -= rate * step
            }
        }
    }
}
