import Foundation
import SegCore
import SegImaging
import SegModels

/// Three small scans with a bright ball each, their labels, a configuration and an untrained model.
struct SmallDataset {
    let folder: ScratchFolder
    static let size = Triple(18, 16, 14)
    /// An affine that is neither RAS nor isotropic.
    static let affine = Affine(elements: [-1.5, 0, 0, 20, 0, -1.5, 0, 10, 0, 0, 2, -30, 0, 0, 0, 1])

    init() throws {
        folder = try ScratchFolder()
        var pairs: [String] = []
        for index in 0..<3 {
            let (scan, label) = Self.ball(at: 6 + index)
            try write(scan, as: "imagesTr/ct_\(index).nii.gz")
            try write(label, as: "labelsTr/ct_\(index).nii.gz")
            pairs.append(
                #"{"image": "./imagesTr/ct_\#(index).nii.gz", "label": "./labelsTr/ct_\#(index).nii.gz"}"#)
        }
        let json =
            #"{"name": "Balls", "labels": {"0": "background", "1": "ball"}, "training": [\#(pairs.joined(separator: ","))]}"#
        try folder.write(Array(json.utf8), as: "dataset.json")
        try folder.write(Array(Self.yaml.utf8), as: "config.yaml")
    }

    static let yaml = """
        data: .
        validation: [ct_2]
        network_def:
          _target_: monai.networks.nets.UNet
          spatial_dims: 3
          in_channels: 1
          out_channels: 2
          channels: [4, 8]
          strides: [2]
          num_res_units: 1
        preprocessing:
          orientation: RAS
          pixdim: [1.5, 1.5, 2.0]
          intensity: {a_min: -100, a_max: 200, clip: true}
          crop_foreground: true
        roi_size: [12, 12, 12]
        loss: {name: dice_ce}
        optimizer: {learning_rate: 0.02}
        iterations: 10
        validate_every: 5

        """

    var config: String { folder.file("config.yaml") }
    func image(_ index: Int) -> String { folder.file("imagesTr/ct_\(index).nii.gz") }
    func label(_ index: Int) -> String { folder.file("labelsTr/ct_\(index).nii.gz") }

    /// Int16 voxels, as a scanner writes them.
    func write(_ voxels: [Int16], size: Triple = size, as name: String) throws {
        let path = try folder.write([], as: name)
        try ScanFile.write(voxels, size: size, affine: Self.affine, to: path, overwrite: true)
    }

    /// Writes the configuration with the text of one line replaced, and returns its path.
    func config(replacing old: String, with new: String) throws -> String {
        try folder.write(Array(Self.yaml.replacing(old, with: new).utf8), as: "changed.yaml")
    }

    private static func ball(at centre: Int) -> (scan: [Int16], label: [Int16]) {
        var (scan, label): ([Int16], [Int16]) = ([], [])
        for i in 0..<size.d {
            for j in 0..<size.h {
                for k in 0..<size.w {
                    let square = (i - centre - 2) * (i - centre - 2) + (j - 7) * (j - 7) + (k - 6) * (k - 6)
                    scan.append(Int16((square < 20 ? 150 : -60) + (i * 7 + j * 13 + k * 29) % 40))
                    label.append(square < 20 ? 1 : 0)
                }
            }
        }
        return (scan, label)
    }

    /// Trains a model for tests that only need one, and returns its folder.
    func train() throws -> String {
        let run = try Command.medseg(
            "train", config, "--out", folder.file("run"), "--set", "iterations=2", "--quiet", "--device", "cpu")
        guard run.status == 0 else { throw CocoaError(.fileReadUnknown) }
        return folder.file("run/model")
    }
}
