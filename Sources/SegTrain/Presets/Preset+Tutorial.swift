internal import SegCore

extension Preset {
    /// MONAI's tutorial `spleen_segmentation_3d`: 600 epochs of its 32 training scans, two per batch, four patches each.
    ///
    /// The tutorial validates on the last nine scans, every second epoch, with windows of 160³; here windows are as
    /// large as patches. The scans of its split can be given with `validation`.
    static let tutorial = Preset(
        name: "tutorial",
        entries: [
            "network_def": [
                "_target_": "monai.networks.nets.UNet",
                "spatial_dims": 3,
                "in_channels": 1,
                "out_channels": 2,
                "channels": [16, 32, 64, 128, 256],
                "strides": [2, 2, 2, 2],
                "num_res_units": 2,
                "norm": "batch",
            ],
            "preprocessing": [
                "orientation": "RAS",
                "pixdim": [1.5, 1.5, 2.0],
                "intensity": ["a_min": -57, "a_max": 164, "b_min": 0, "b_max": 1, "clip": true],
                "crop_foreground": true,
            ],
            "roi_size": [96, 96, 96],
            "overlap": 0.25,
            "mode": "constant",
            "sampling": ["pos": 1, "neg": 1, "samples_per_volume": 4, "volumes_per_batch": 2, "pad": true],
            "loss": ["name": "dice", "softmax": true],
            "optimizer": ["name": "adam", "learning_rate": 1e-4],
            "iterations": 9600,
            "validate_every": 32,
        ])
}
