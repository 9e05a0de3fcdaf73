package import SegCore

extension Augmentation {
    /// nnU-Net's augmentation, its steps, probabilities and ranges, as the object of a configuration.
    /// - Parameters:
    ///   - rotation: The largest angle in degrees, of all axes or of each.
    ///   - axes: The axes that are flipped.
    package static func nnUNet(rotation: ConfigValue, flip axes: ConfigValue) -> ConfigValue {
        [
            "affine": ["prob": 0.2, "rotate": rotation, "scale": [0.7, 1.4], "padding": "border"],
            "noise": ["prob": 0.1, "std": 0.1],
            "blur": ["prob": 0.2, "sigma": [0.5, 1]],
            "brightness": ["prob": 0.15, "range": [0.75, 1.25]],
            "contrast": ["prob": 0.15, "range": [0.75, 1.25]],
            "low_resolution": ["prob": 0.25, "zoom": [0.5, 1]],
            // This step replaces two steps of nnU-Net with probability 0.1 (inverted image) and 0.3 (image itself): together
            // they have 0.37 = 1 − 0.9 · 0.7, of which 0.27 = 0.1 / 0.37 is inverted.
            "gamma": ["prob": 0.37, "range": [0.7, 1.5], "invert_prob": 0.27, "retain_stats": true],
            "flip": ["prob": 0.5, "axes": axes],
        ]
    }
}
