internal import SegImaging
internal import SegInference
internal import SegMetrics

/// How many voxels of a validation case have each foreground class, or lie in each region.
struct ClassCounts {
    private var both: [Int]
    private var predicted: [Int]
    private var actual: [Int]
    private var voxels = 0

    /// Counts the most probable classes of logits `[D, H, W, channels]` against labels; the background is left out.
    init(_ logits: [Float], _ labels: [UInt8], channels: Int) {
        let none = [Int](repeating: 0, count: max(2, channels))
        (both, predicted, actual) = (none, none, none)
        logits.withUnsafeBufferPointer { logits in
            for (voxel, label) in labels.enumerated() where label != LabelScheme.ignoredClass {
                let found = OutputClass.of(logits, voxel: voxel, channels: channels, threshold: 0)
                voxels += 1
                predicted[found] += 1
                actual[Int(label)] += 1
                if found == Int(label) { both[found] += 1 }
            }
        }
        both.removeFirst()
        predicted.removeFirst()
        actual.removeFirst()
    }

    /// Counts regions, to which a voxel belongs from a probability of 0.5 on.
    /// - Parameters:
    ///   - logits: `[D, H, W, channels]`.
    ///   - labels: The numbers of the label map.
    ///   - targets: The regions of each number, as bits.
    init(regions logits: [Float], _ labels: [UInt8], channels: Int, _ targets: [Int32]) {
        let none = [Int](repeating: 0, count: channels)
        (both, predicted, actual) = (none, none, none)
        for (voxel, label) in labels.enumerated() where targets[Int(label)] >= 0 {
            voxels += 1
            for channel in 0..<channels {
                let isPredicted = logits[voxel * channels + channel] >= 0
                let isActual = targets[Int(label)] >> Int32(channel) & 1 == 1
                if isPredicted { predicted[channel] += 1 }
                if isActual { actual[channel] += 1 }
                if isPredicted && isActual { both[channel] += 1 }
            }
        }
    }

    /// Dice of each; nil where it occurs in neither.
    var dice: [Double?] {
        both.indices.map { index in
            ConfusionCounts(
                truePositives: both[index], falsePositives: predicted[index] - both[index],
                falseNegatives: actual[index] - both[index],
                trueNegatives: voxels - predicted[index] - actual[index] + both[index]
            ).dice
        }
    }
}
