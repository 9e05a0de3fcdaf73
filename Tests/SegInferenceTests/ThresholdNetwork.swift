import SegBackend
import SegCore
import SegModels
import SegNN
import SegTensor

/// A network without parameters: class 1 is everything above one half, with a certainty that grows with the value.
struct ThresholdNetwork: Network {
    let store: ParameterStore
    let outputChannels: Int
    let inputChannels = 1
    let sizeDivisor = Triple(1)
    let dropoutProbability: Float = 0

    /// With three channels the last is never the largest; with one it is the difference of the two that two would have.
    init(on backend: any Backend, channels: Int) {
        store = ParameterStore(backend: backend, seed: 0)
        outputChannels = channels
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let half = try Tensor(repeating: -0.5, shape: x.shape, on: x.backend)
        let above = try scale(add(x, half), by: 8)
        let none = try scale(x, by: 0)
        let never = try Tensor(repeating: -20, shape: x.shape, on: x.backend)
        switch outputChannels {
        case 1: return above
        case 2: return try concatenate([none, above])
        default: return try concatenate([none, above, never])
        }
    }
}
