internal import SegInference
internal import SegMetrics

/// The numbers of voxels of each foreground class or region, in the labels and in a network's output.
struct ClassCounts {
    private let areRegions: Bool
    private let channels: Int
    /// Three lists in a row, each with one number per class or region: voxels in both output and labels, predicted voxels, and
    /// labelled voxels. Then the number of all voxels.
    private var numbers: [Int]

    /// Creates counts of 0.
    /// - Parameter areRegions: Whether each channel is a region, not a class.
    init(channels: Int, areRegions: Bool) {
        (self.channels, self.areRegions) = (channels, areRegions)
        numbers = [Int](repeating: 0, count: 3 * (areRegions ? channels : max(2, channels) - 1) + 1)
    }

    private var count: Int { (numbers.count - 1) / 3 }

    /// Counts voxels by their most probable class, or by the regions whose probability is at least 0.5.
    /// - Parameters:
    ///   - logits: `[…, channels]`.
    ///   - labels: The classes, or the regions as bits; -1 for an ignored voxel.
    mutating func add(_ logits: [Float], _ labels: [Int32]) {
        let (count, last) = (count, numbers.count - 1)
        logits.withUnsafeBufferPointer { logits in
            for (voxel, label) in labels.enumerated() where label >= 0 {
                numbers[last] += 1
                guard areRegions else {
                    let found = OutputClass.of(logits, voxel: voxel, channels: channels, threshold: 0)
                    if found > 0 { numbers[count + found - 1] += 1 }
                    if label > 0 { numbers[2 * count + Int(label) - 1] += 1 }
                    if found > 0, found == Int(label) { numbers[found - 1] += 1 }
                    continue
                }
                for channel in 0..<channels {
                    let isPredicted = logits[voxel * channels + channel] >= 0
                    let isActual = label >> Int32(channel) & 1 == 1
                    if isPredicted { numbers[count + channel] += 1 }
                    if isActual { numbers[2 * count + channel] += 1 }
                    if isPredicted && isActual { numbers[channel] += 1 }
                }
            }
        }
    }

    /// Adds up the counts of all ranks.
    mutating func join(_ gather: ([Int]) throws -> [[Int]]) rethrows {
        let all = try gather(numbers)
        numbers = numbers.indices.map { index in all.reduce(0) { $0 + $1[index] } }
    }

    /// The Dice of each class or region; nil if it occurs in neither labels nor output.
    var dice: [Double?] {
        (0..<count).map { index in
            let (both, predicted, actual) = (numbers[index], numbers[count + index], numbers[2 * count + index])
            return ConfusionCounts(
                truePositives: both, falsePositives: predicted - both, falseNegatives: actual - both,
                trueNegatives: numbers[3 * count] - predicted - actual + both
            ).dice
        }
    }
}
