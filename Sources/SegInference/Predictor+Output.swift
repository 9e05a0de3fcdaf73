internal import Foundation
internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegTensor

// The network's output for a whole image, window by window.
extension Predictor {
    /// The probabilities from the blended logits of all windows, or these logits if `isLogits`, `[D, H, W, channels]`.
    /// - Throws: The errors of `forEachOutput`.
    func outputs(
        of image: Tensor, size: Triple, isLogits: Bool = false, scratch: String? = nil, name: String,
        progress: (Int, Int) throws -> Void, logits predict: (Tensor, Int) throws -> Tensor
    ) throws -> [Float] {
        var outputs: [Float] = []
        outputs.reserveCapacity(size.count * network.outputChannels)
        try forEachOutput(
            of: image, size: size, isLogits: isLogits, scratch: scratch, name: name, progress: progress,
            logits: predict
        ) { outputs += $0 }
        return outputs
    }

    /// The number of values that are copied from the device at a time, in whole planes.
    static let chunk = 1 << 22

    /// Passes the values of `outputs` to `body` in planes along axis 0, as soon as planes are finished.
    /// - Parameters:
    ///   - image: The result of `tensor(_:size:)`.
    ///   - size: The size of the image without padding.
    ///   - isLogits: Whether logits are passed, not probabilities.
    ///   - scratch: The folder of the file for the sums of windows; nil to keep the sums in memory.
    ///   - logits: Computes the logits of a window from the window and its number.
    ///   - body: Called with planes, `[planes, H, W, channels]`, in order.
    /// - Throws: `DataError` if values are not finite or the file cannot be written; errors of the network, the backend and
    ///   `body`.
    func forEachOutput(
        of image: Tensor, size: Triple, isLogits: Bool, scratch: String? = nil, name: String,
        progress: (Int, Int) throws -> Void, logits predict: (Tensor, Int) throws -> Tensor,
        _ body: ([Float]) throws -> Void
    ) throws {
        let grown = image.shape.size
        let channels = network.outputChannels
        let window = SlidingWindow(of: description, over: grown)
        let count = max(1, Self.chunk / (grown.h * grown.w * channels))
        var number = 0
        try window.forEachFinished(
            image, scratch: scratch.map { ($0, channels) }, progress: progress,
            predict: { x in
                defer { number += 1 }
                return try predict(x, number)
            }
        ) { planes, logits in
            for start in stride(from: 0, to: planes.count, by: count) {
                let part = start..<min(start + count, planes.count)
                let outputs = try StageClock.time("probabilities") {
                    let slice = Tensor(logits.view.slice(part), on: backend)
                    let values = try isLogits ? slice.floats() : probabilities(of: slice)
                    return WindowPadding.crop(
                        values, planes: planes.lowerBound + part.lowerBound..<planes.lowerBound + part.upperBound,
                        of: grown, channels: channels, to: size)
                }
                guard outputs.allSatisfy(\.isFinite) else {
                    // The scan may be the cause, not the weights: other scans of the same command are still predicted.
                    throw DataError(
                        .badData, name,
                        "the network's output is not finite; the weights are damaged, or were trained with another "
                            + "preprocessing")
                }
                if !outputs.isEmpty { try body(outputs) }
            }
        }
    }

    /// The probabilities of logits; a softmax overwrites the logits.
    private func probabilities(of logits: Tensor) throws -> [Float] {
        if network.outputChannels == 1 || description.maskPlan.probabilities == .sigmoid {
            return try logits.floats().map { 1 / (1 + exp(-$0)) }
        }
        try backend.softmax(logits.view, into: logits.view)
        return try logits.floats()
    }
}
