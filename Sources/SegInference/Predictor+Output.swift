internal import Foundation
internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegTensor

// What a network says of a whole image, window by window.
extension Predictor {
    /// What the blended logits of all windows say of an image, `[D, H, W, channels]`.
    /// - Throws: Errors as `forEachOutput`.
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

    /// Values of planes that are brought to the host at a time.
    static let chunk = 1 << 22

    /// The same in planes along axis 0 as they are finished.
    /// - Parameters:
    ///   - image: As `tensor(_:size:)` made it.
    ///   - size: The image's extents without padding.
    ///   - isLogits: Whether it is the logits, and not probabilities.
    ///   - scratch: A folder for a file that holds the sums of windows; nil to hold them in memory.
    ///   - logits: Takes a window and its number to the logits of the window.
    ///   - body: Called with `[planes, H, W, channels]`, in order.
    /// - Throws: `DataError` where values are not finite; errors of the network, the backend and `body`.
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
                    // The scan's fault or the weights': where there are several scans, the others are still tried.
                    throw DataError(
                        .badData, name,
                        "the network's output is not finite; its weights are damaged or not of this preprocessing")
                }
                if !outputs.isEmpty { try body(outputs) }
            }
        }
    }

    /// The probabilities that logits mean, in their place.
    private func probabilities(of logits: Tensor) throws -> [Float] {
        if network.outputChannels == 1 || description.maskPlan.probabilities == .sigmoid {
            return try logits.floats().map { 1 / (1 + exp(-$0)) }
        }
        try backend.softmax(logits.view, into: logits.view)
        return try logits.floats()
    }
}
