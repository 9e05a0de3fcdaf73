internal import SegCore
internal import SegData
internal import SegImaging

extension Augmentation {
    /// Reads the object `augmentation`; absent means none.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader?) throws {
        self = try reader.map { try ConfigCoder.read($0, Self.coded) } ?? Self()
    }

    /// The object that reads as this, an entry that a document has as it stands there.
    func entries(of document: ConfigValue?) -> ConfigValue {
        let steps = ConfigCoder.entries(self, Self.coded)
        guard case .object(let written)? = document else { return .object(steps) }
        // Degrees that went through radians and back might not be the same number.
        return .object(
            steps.merging(written) { step, own in
                guard case .object(let all) = step, case .object(let given) = own else { return own }
                return .object(all.merging(given) { $1 })
            })
    }

    /// The steps; one without a given range has nnU-Net's, or that of MONAI's tutorials.
    private static func coded(_ steps: Augmentation?, by coder: ConfigCoder) throws -> Augmentation {
        var steps = steps ?? Augmentation()
        try steps.codePlaces(by: coder)
        try steps.codeIntensities(by: coder)
        return steps
    }

    /// The steps that move voxels.
    private mutating func codePlaces(by coder: ConfigCoder) throws {
        let flip = flipProbability > 0 ? (flipProbability, flipAxes) : nil
        (flipProbability, flipAxes) =
            try coder.object("flip", flip) { flip, coder in
                (try coder.chance(flip?.0, 0.1), try coder.value("axes", flip?.1 ?? [0, 1, 2], .axes))
            } ?? (0, [])
        let rotation = rotateProbability > 0 ? rotateProbability : nil
        rotateProbability = try coder.object("rotate90", rotation) { try $1.chance($0, 0.1) } ?? 0
        affine = try coder.object("affine", affine, RandAffine.coded)
        elastic = try coder.object("elastic", elastic) { elastic, coder in
            RandElastic(
                probability: try coder.chance(elastic?.probability, 0.1),
                sigma: try coder.range("sigma", elastic?.sigma, default: 5...8, above: 0),
                magnitude: try coder.range("magnitude", elastic?.magnitude, default: 100...200, above: -.infinity),
                padding: try coder.value("padding", elastic?.padding ?? .reflection, .name))
        }
    }

    /// The steps that change intensities alone.
    private mutating func codeIntensities(by coder: ConfigCoder) throws {
        noise = try coder.object("noise", noise) { noise, coder in
            RandGaussianNoise(
                probability: try coder.chance(noise?.probability, 0.1),
                deviation: try coder.value("std", noise?.deviation ?? 0.1, .amount))
        }
        blur = try coder.object("blur", blur) { blur, coder in
            RandGaussianSmooth(
                probability: try coder.chance(blur?.probability, 0.2),
                sigma: try coder.range("sigma", blur?.sigma, default: 0.5...1, above: 0))
        }
        brightness = try coder.object("brightness", brightness) { brightness, coder in
            RandBrightness(
                probability: try coder.chance(brightness?.probability, 0.15),
                range: try coder.range("range", brightness?.range, default: 0.75...1.25, above: 0))
        }
        contrast = try coder.object("contrast", contrast) { contrast, coder in
            RandContrast(
                probability: try coder.chance(contrast?.probability, 0.15),
                range: try coder.range("range", contrast?.range, default: 0.75...1.25, above: 0))
        }
        lowResolution = try coder.object("low_resolution", lowResolution) { low, coder in
            let zoom = try coder.range("zoom", low?.zoom, default: 0.5...1, above: 0)
            try coder.check("zoom", zoom.upperBound <= 1, "should be at most 1, not \(zoom.upperBound)")
            return RandLowResolution(probability: try coder.chance(low?.probability, 0.25), zoom: zoom)
        }
        gamma = try coder.object("gamma", gamma) { gamma, coder in
            RandGamma(
                probability: try coder.chance(gamma?.probability, 0.3),
                range: try coder.range("range", gamma?.range, default: 0.7...1.5, above: 0),
                invertProbability: try coder.value("invert_prob", gamma?.invertProbability ?? 0, .chance),
                retainsStatistics: try coder.value("retain_stats", gamma?.retainsStatistics ?? true, .bool))
        }
        let scale = scaleProbability > 0 ? (scaleProbability, scaleFactors) : nil
        (scaleProbability, scaleFactors) =
            try coder.object("scale_intensity", scale) {
                (try $1.chance($0?.0, 0.1), try $1.value("factors", $0?.1 ?? 0.1, .amount))
            } ?? (0, 0)
        let shift = shiftProbability > 0 ? (shiftProbability, shiftOffsets) : nil
        (shiftProbability, shiftOffsets) =
            try coder.object("shift_intensity", shift) {
                (try $1.chance($0?.0, 0.1), try $1.value("offsets", $0?.1 ?? 0.1, .amount))
            } ?? (0, 0)
    }
}

extension RandAffine {
    /// The object `affine`: nnU-Net's ranges where none are given.
    fileprivate static func coded(_ affine: RandAffine?, by coder: ConfigCoder) throws -> RandAffine {
        let rotation = affine.map { $0.rotation.isEmpty ? [0, 0, 0] : $0.rotation }
        let radians = try coder.value("rotate", rotation ?? [30, 30, 30].map { $0 * .pi / 180 }, .degrees)
        let shear = try coder.value("shear", affine?.shear ?? 0, .amount)
        let usual = affine.map { $0.scale ?? 1...1 }
        let scale = try coder.range("scale", usual, default: 0.7...1.4, above: 0)
        return RandAffine(
            probability: try coder.chance(affine?.probability, 0.2),
            rotation: radians == [0, 0, 0] ? [] : radians, shear: shear == 0 ? nil : shear,
            scale: scale == 1...1 ? nil : scale,
            padding: try coder.value("padding", affine?.padding ?? .reflection, .name))
    }
}

extension ConfigCoder {
    /// How likely a step is taken.
    fileprivate func chance(_ probability: Double?, _ usual: Double) throws -> Double {
        try value("prob", probability ?? usual, .chance)
    }
}

extension ConfigForm<[Int]> {
    /// Axes of a volume.
    fileprivate static var axes: Self {
        Self(
            decode: { _, key, reader in
                let axes = try reader.required(key, reader.ints(key))
                guard axes.allSatisfy((0...2).contains) else { throw reader.error(key, "should be among 0, 1, 2") }
                return axes
            }, encode: { .array($0.map(ConfigValue.int)) })
    }
}

extension ConfigForm<[Double]> {
    /// Three angles in radians, written in degrees; read as one number or three.
    fileprivate static var degrees: Self {
        Self(
            decode: { value, key, reader in
                let one = value.number.map { [$0, $0, $0] }
                var degrees = one ?? []
                if case .array? = reader.value(key) { degrees = try reader.doubles(key) ?? [] }
                guard degrees.count == 3, degrees.allSatisfy({ $0 >= 0 && $0 <= 180 }) else {
                    throw reader.error(key, "should be degrees from 0 to 180, one number or one for each axis")
                }
                return degrees.map { $0 * .pi / 180 }
            }, encode: { .array($0.map { .double(($0 * 180e9 / .pi).rounded() / 1e9) }) })
    }
}
