import Foundation
import SegCore
import SegImaging
import SegMetrics
import SegStudy
import SegTrain
import Synchronization

/// A folder with a dataset of three bright balls, removed with the value.
final class SmallStudy {
    let path: String
    static let size = Triple(18, 16, 14)
    static let affine = Affine(elements: [-1.5, 0, 0, 20, 0, -1.5, 0, 10, 0, 0, 2, -30, 0, 0, 0, 1])

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("seg-study-\(UUID().uuidString)").path
        for part in ["data/imagesTr", "data/labelsTr", "run"] {
            try FileManager.default.createDirectory(atPath: file(part), withIntermediateDirectories: true)
        }
        let pairs = try (0..<3).map { index in
            let label = Self.ball(at: 8 + index)
            let scan = label.enumerated().map { Int16(($1 == 1 ? 150 : -60) + $0 * 7 % 40) }
            for (voxels, part) in [(scan, "imagesTr"), (label, "labelsTr")] {
                try ScanFile.write(
                    voxels, size: Self.size, affine: Self.affine, to: file("data/\(part)/ct_\(index).nii.gz"),
                    overwrite: true)
            }
            return #"{"image": "./imagesTr/ct_\#(index).nii.gz", "label": "./labelsTr/ct_\#(index).nii.gz"}"#
        }
        try write(
            #"{"name": "Balls", "labels": {"0": "background", "1": "ball"}, "training": [\#(pairs.joined(separator: ","))]}"#,
            as: "data/dataset.json")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ text: String, as name: String) throws { try OutputFolder.write(text, to: file(name)) }

    func text(_ name: String) throws -> String { try String(contentsOfFile: file(name), encoding: .utf8) }

    func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name)) }

    /// The class of every voxel of a ball around a point of axis 0.
    static func ball(at centre: Int, radius: Double = 4.4) -> [Int16] {
        (0..<size.count).map { voxel in
            let (i, j, k) = (voxel / (size.h * size.w), voxel / size.w % size.h, voxel % size.w)
            let square = (i - centre) * (i - centre) + (j - 7) * (j - 7) + (k - 6) * (k - 6)
            return Double(square) < radius * radius ? 1 : 0
        }
    }

    /// A configuration that trains a tiny network on two of the balls in a moment.
    func configuration(_ changes: [String: ConfigValue] = [:]) throws -> TrainingConfiguration {
        var entries: [String: ConfigValue] = [
            "data": .string(file("data")), "validation": ["ct_2"], "cache": "none", "seed": 3,
            "network_def": [
                "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
                "channels": [4, 8], "strides": [2], "num_res_units": 1,
            ],
            "preprocessing": [
                "orientation": "RAS", "pixdim": [1.5, 1.5, 2.0], "crop_foreground": true,
                "intensity": ["a_min": -100, "a_max": 200, "clip": true],
            ],
            "roi_size": [12, 12, 12], "loss": ["name": "dice_ce"], "optimizer": ["learning_rate": 0.02],
            "iterations": 6, "validate_every": 3,
        ]
        entries.merge(changes) { $1 }
        return try TrainingConfiguration(.object(entries), source: "test")
    }

    /// The metrics of cases whose predicted balls are shifted by some voxels; nil predicts nothing.
    static func metrics(
        _ shifts: [(name: String, voxels: Int?)], labels: [Int: String] = [1: "ball"], toleranceMM: Double = 2
    ) throws -> MetricsDocument {
        var evaluation = Evaluation(
            labels: labels, options: try MetricOptions(surfaceDiceToleranceMM: toleranceMM),
            bootstrap: Bootstrap(samples: 200))
        let truth = ball(at: 8).map { UInt8($0) }
        let label = Volume(voxels: truth.map(Float.init), size: size, affine: affine)
        for (name, voxels) in shifts {
            let mask = voxels.map { ball(at: 8 + $0).map { UInt8($0) } } ?? truth.map { _ in 0 }
            try evaluation.add(name, prediction: mask, truth: truth, on: label, classes: 1..<2)
        }
        return evaluation.document
    }
}

/// The notes, from any thread.
final class Notes: Sendable {
    private let sentences = Mutex<[String]>([])

    var all: [String] { sentences.withLock { $0 } }

    @Sendable func take(_ sentence: String) { sentences.withLock { $0.append(sentence) } }
}
