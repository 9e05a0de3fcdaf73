internal import SegCore
internal import SegData

extension Preset {
    /// nnU-Net's plan for the Decathlon's spleen dataset (`3d_fullres`), with MONAI's DynUNet.
    ///
    /// Intensities are clipped and normalised with the mean 99.29 and deviation 39.47 of the spleen's voxels. A third
    /// of the patches lies on the organ, the rest anywhere. 1000 epochs of 250 steps. Isensee et al. 2021.
    static let nnunet = Preset(
        name: "nnunet",
        entries: [
            "network_def": [
                "_target_": "monai.networks.nets.DynUNet",
                "spatial_dims": 3,
                "in_channels": 1,
                "out_channels": 2,
                "kernel_size": [[3, 3, 1], 3, 3, 3, 3, 3],
                "strides": [1, [2, 2, 1], 2, 2, 2, 2],
                "upsample_kernel_size": [[2, 2, 1], 2, 2, 2, 2],
                "norm_name": ["instance", ["affine": true]],
                "deep_supervision": true,
                "deep_supr_num": 3,
            ],
            "preprocessing": [
                "orientation": "RAS",
                "pixdim": [0.79, 0.79, 1.6],
                "intensity": ["a_min": -41, "a_max": 176, "b_min": -3.554345, "b_max": 1.943501, "clip": true],
                "crop_foreground": false,
            ],
            "roi_size": [192, 160, 64],
            "overlap": 0.5,
            "mode": "gaussian",
            "sampling": [
                "foreground_oversampling": 0.33, "samples_per_volume": 1, "volumes_per_batch": 2,
                "image_threshold": -1000, "pad": true,
            ],
            "augmentation": Augmentation.nnUNet(rotation: 30, flip: [0, 1, 2]),
            "loss": ["name": "dice_ce", "softmax": true, "include_background": false, "batch": true],
            "optimizer": [
                "name": "sgd", "learning_rate": 0.01, "momentum": 0.99, "nesterov": true, "weight_decay": 3e-5,
                "clip_norm": 12,
            ],
            "schedule": ["name": "polynomial", "power": 0.9],
            "iterations": 250_000,
            "validate_every": 2500,
            "checkpoint_every": 250,
        ])
}
