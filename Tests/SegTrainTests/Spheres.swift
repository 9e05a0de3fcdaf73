import SegBackend
import SegCore
import SegData
import SegImaging
import SegModels
import SegTrain

/// Bright balls in noise, the smallest task for a network.
enum Spheres {
    /// A ball of radius 7 in a cube, brighter than the noise by its amplitude.
    static func prepared(_ name: String, edge: Int, radius: Double, seed: UInt32) -> PreparedCase {
        let size = Triple(edge, edge, edge)
        var random = NumPyRandomState(seed: seed)
        let middle = Double(edge) / 2 + 0.5
        var image = Volume(voxels: [Float](repeating: 0, count: size.count), size: size, affine: .identity)
        var label = image
        for i in 0..<edge {
            for j in 0..<edge {
                for k in 0..<edge {
                    let square = [i, j, k].map { (Double($0) - middle) * (Double($0) - middle) }.reduce(0, +)
                    let inside = square < radius * radius
                    image[i, j, k] = Float(0.6 * random.rand() + (inside ? 0.7 : 0))
                    label[i, j, k] = inside ? 1 : 0
                }
            }
        }
        return PreparedCase(name: name, image: ScanImage(image), label: label)
    }

    /// A configuration of a tiny network, with some entries replaced or added.
    static func configuration(
        patch: Int, channels: [ConfigValue] = [8, 16], classes: Int = 2, changes: [String: ConfigValue]
    ) throws -> TrainingConfiguration {
        var entries: [String: ConfigValue] = [
            "data": "none", "seed": 3,
            "network_def": [
                "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": .int(classes),
                "channels": .array(channels), "strides": [2], "num_res_units": 1,
            ],
            "preprocessing": [:], "roi_size": [.int(patch), .int(patch), .int(patch)],
            "optimizer": ["learning_rate": 0.02], "loss": ["name": "dice_ce"], "iterations": 30, "validate_every": 1000,
        ]
        entries.merge(changes) { $1 }
        return try TrainingConfiguration(.object(entries), source: "test.yaml")
    }
}

/// The events of a training run.
struct Recording {
    var losses: [Double] = []
    var validations: [ValidationResult] = []
    var checkpoints: [Int] = []
    var models: [Int] = []

    mutating func take(_ event: TrainingEvent) {
        switch event {
        case .iteration(let step): losses.append(step.loss)
        case .validation(let result): validations.append(result)
        case .model(let iteration): models.append(iteration)
        case .checkpoint(let iteration): checkpoints.append(iteration)
        }
    }
}
