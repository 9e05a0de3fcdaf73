internal import Foundation
internal import SegInference

extension Segmentation {
    /// The maps that were asked for, on the scan's grid; NaN where nothing was evaluated.
    var maps: [UncertaintyMap: [Float]] {
        guard let uncertain else { return [:] }
        let validity = uncertain.validity()
        return UncertaintyMap.allCases.reduce(into: [:]) { maps, kind in
            maps[kind] = zip(uncertain.map(kind.quantity), validity).map { $1 == 0 ? .nan : $0 }
        }
    }

    /// Mean entropy of the foreground probability over the voxels that may be foreground: what active learning ranks by.
    var uncertaintyScore: Double? {
        var (sum, count) = (0.0, 0)
        let channels = prediction.channels
        prediction.probabilities.withUnsafeBufferPointer { values in
            for voxel in 0..<values.count / channels {
                let value = Double(values[voxel * channels])
                let foreground = channels == 1 ? value : 1 - value
                guard foreground > 0.05 else { continue }
                sum += Self.entropy(foreground)
                count += 1
            }
        }
        return count > 0 ? sum / Double(count) : nil
    }

    private static func entropy(_ p: Double) -> Double {
        guard p > 0, p < 1 else { return 0 }
        return -p * log(p) - (1 - p) * log(1 - p)
    }
}
