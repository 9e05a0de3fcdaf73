internal import SegInference
internal import SegMetrics

/// How many voxels have each foreground class, or lie in each region, by labels and by a network.
struct ClassCounts {
    private let areRegions: Bool
    private let channels: Int
    /// Of the foreground classes or regions: voxels in both, predicted and labelled, one list behind the other, then all.
    private var numbers: [Int]

    /// Counts nothing yet.
    /// - Parameter areRegions: Whether each channel is a region, and no class.
    init(channels: Int, areRegions: Bool) {
        (self.channels, self.areRegions) = (channels, areRegions)
        numbers = [Int](repeating: 0, count: 3 * (areRegions ? channels : max(2, channels) - 1) + 1)
    }

    private var count: Int { (numbers.count - 1) / 3 }

    /// Counts voxels: the most probable class of each, or the regions from a probability of 0.5 on.
    /// - Parameters:
    ///   - logits: `[…, channels]`.
    ///   - labels: Classes or, as bits, regions; -1 where a voxel takes no part.
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

    /// Adds up what several have counted.
    mutating func join(_ gather: ([Int]) throws -> [[Int]]) rethrows {
        let all = try gather(numbers)
        numbers = numbers.indices.map { index in all.reduce(0) { $0 + $1[index] } }
    }

    /// Dice of each; nil where it occurs in neither.
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
