internal import Foundation
internal import SegBackend
public import SegCore

/// The positions of the windows of sliding-window inference, as in `monai.inferers.sliding_window_inference` or nnU-Net.
public struct WindowPlan: Hashable, Sendable {
    /// The weighting of overlapping windows.
    public enum Blending: String, Hashable, Sendable {
        /// All voxels of a window have the same weight.
        case constant
        /// The weight is largest at the centre of a window.
        case gaussian
        /// The weight is nnU-Net's Gaussian, and windows are spread evenly as in nnU-Net.
        case nnUNet = "nnunet"
    }

    /// The size of a window.
    public let window: Triple
    /// The number of zeros before an image that is smaller than the window: half of the difference, rounded down.
    public let padding: Triple
    /// The size of the part of every window that lies on the image.
    public let seen: Triple
    /// The first voxel of every window that lies on the image, row-major.
    public let starts: [Triple]

    /// Plans the windows of an image.
    ///
    /// MONAI's step is ⌊window · (1 − overlap)⌋, at least 1, and the last window of an axis ends with the image. nnU-Net
    /// uses the fewest windows whose step is at most window · (1 − overlap), and spreads them evenly
    /// (`compute_steps_for_sliding_window`).
    /// - Throws: `InferenceError` if the overlap is not in 0 ..< 1 or a size is not positive; `DataError` if there would be
    ///   more windows than `Limits.windows`.
    public init(image: Triple, window: Triple, overlap: WindowOverlap, _ blending: Blending = .constant) throws {
        guard overlap.isValid else {
            throw InferenceError("overlap should be at least 0 and below 1, not \(overlap)")
        }
        guard (0..<3).allSatisfy({ image[$0] > 0 && window[$0] > 0 }) else {
            throw InferenceError("image \(image) and window \(window) should not be empty")
        }
        self.window = window
        let paddedSize = image.zip(window, max)
        padding = paddedSize.zip(image) { ($0 - $1) / 2 }
        seen = window.zip(image, min)
        let counts = (0..<3).map { axis in
            blending == .nnUNet
                ? Self.evenCount(size: paddedSize[axis], window: window[axis], overlap: overlap.axes[axis])
                : Self.count(size: paddedSize[axis], window: window[axis], overlap: overlap.axes[axis])
        }
        guard counts.map(Double.init).reduce(1, *) <= Double(Limits.windows) else {
            throw DataError(
                .tooLarge, "overlap \(overlap)",
                "an image of \(image) voxels would be cut into \(counts[0])×\(counts[1])×\(counts[2]) windows of "
                    + "\(window); the maximum is \(Limits.windows). Give a smaller overlap or a larger roi_size.")
        }
        let axes = (0..<3).map { axis in
            blending == .nnUNet
                ? Self.evenStarts(size: paddedSize[axis], window: window[axis], count: counts[axis])
                : Self.starts(size: paddedSize[axis], window: window[axis], overlap: overlap.axes[axis])
        }
        starts = axes[0].flatMap { d in axes[1].flatMap { h in axes[2].map { w in Triple(d, h, w) } } }
    }

    private static func step(window: Int, overlap: Double) -> Int { max(1, Int(Double(window) * (1 - overlap))) }

    /// The maximum number of windows that contain one voxel.
    static func windowsOfAVoxel(window: Triple, overlap: WindowOverlap) -> Double {
        (0..<3).map { axis in
            let step = step(window: window[axis], overlap: overlap.axes[axis])
            return (Double(window[axis]) / Double(step)).rounded(.up)
        }.reduce(1, *)
    }

    /// The number of windows along an axis; the last one ends with the image.
    private static func count(size: Int, window: Int, overlap: Double) -> Int {
        let step = step(window: window, overlap: overlap)
        return (size - window + step - 1) / step + 1
    }

    private static func starts(size: Int, window: Int, overlap: Double) -> [Int] {
        let step = step(window: window, overlap: overlap)
        return (0..<count(size: size, window: window, overlap: overlap)).map { min($0 * step, size - window) }
    }

    private static func evenCount(size: Int, window: Int, overlap: Double) -> Int {
        // 1 - 0.8 is 0.19999999999999996 instead of 0.2; this error in the last digits is rounded off.
        let share = ((1 - overlap) * 1e12).rounded() / 1e12
        let steps = Double(size - window) / (Double(window) * share)
        return Int(min(steps.rounded(.up), Double(Limits.windows))) + 1
    }

    private static func evenStarts(size: Int, window: Int, count: Int) -> [Int] {
        let step = count > 1 ? Double(size - window) / Double(count - 1) : 0
        return (0..<count).map { Int((step * Double($0)).rounded(.toNearestOrEven)) }
    }

    /// The weight of each voxel of a window, `[d, h, w]`.
    ///
    /// Gaussian: the product over the axes of exp(−x² / 2σ²) with σ an eighth of the window, raised to at least 0.001, as in
    /// MONAI. nnU-Net's Gaussian has its peak of 10 at the voxel ⌊n / 2⌋ of an axis of n voxels, and is rounded to 16 bits.
    public func weights(_ blending: Blending) -> [Float] {
        switch blending {
        case .constant: return [Float](repeating: 1, count: window.count)
        case .nnUNet: return nnUNetWeights
        case .gaussian: return gaussianWeights
        }
    }

    private var nnUNetWeights: [Float] {
        let axes = window.array.map { extent in
            (0..<extent).map { index in
                let (x, sigma) = (Double(index - extent / 2), Double(extent) / 8)
                return exp(-x * x / (2 * sigma * sigma))
            }
        }
        let map = axes[0].flatMap { d in axes[1].flatMap { h in axes[2].map { w in Float(Float16(10 * d * h * w)) } } }
        let least = map.filter { $0 > 0 }.min() ?? 1
        return map.map { $0 == 0 ? least : $0 }
    }

    private var gaussianWeights: [Float] {
        let axes = window.array.map { extent in
            (0..<extent).map { index -> Float in
                let x = Float(index) - Float(extent - 1) / 2
                let sigma = 0.125 * Float(extent)
                return exp(-x * x / (2 * sigma * sigma))
            }
        }
        let map = axes[0].flatMap { d in axes[1].flatMap { h in axes[2].map { w in d * h * w } } }
        let floor = max(map.min() ?? 0, 1e-3)
        return map.map { max($0, floor) }
    }
}
