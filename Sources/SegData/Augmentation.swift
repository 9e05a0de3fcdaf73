package import SegCore
public import SegImaging

/// The random augmentation of training patches; a step that is nil or has probability 0 is left out.
public struct Augmentation: Hashable, Sendable {
    /// The probability of `RandFlip`, which is drawn once for each of the axes.
    public var flipProbability = 0.0
    /// The axes that are flipped.
    public var flipAxes: [Int] = []
    /// The probability of `RandRotate90` in the plane of axes 0 and 1.
    public var rotateProbability = 0.0
    /// Random rotation by any angle, shear and scaling.
    public var affine: RandAffine?
    /// Random smooth elastic deformation.
    public var elastic: RandElastic?
    /// Gaussian noise.
    public var noise: RandGaussianNoise?
    /// Gaussian blur.
    public var blur: RandGaussianSmooth?
    /// Multiplication of intensities, as in nnU-Net.
    public var brightness: RandBrightness?
    /// Stretching of intensities about their mean.
    public var contrast: RandContrast?
    /// Simulation of a lower resolution.
    public var lowResolution: RandLowResolution?
    /// Gamma transform: intensities raised to a power.
    public var gamma: RandGamma?
    /// The probability of `RandScaleIntensity`.
    public var scaleProbability = 0.0
    /// The factor's largest deviation from 1.
    public var scaleFactors = 0.0
    /// The probability of `RandShiftIntensity`.
    public var shiftProbability = 0.0
    /// The largest offset that is added or subtracted.
    public var shiftOffsets = 0.0

    /// Creates an augmentation without steps; set the fields that are wanted.
    public init() {}

    /// The steps in the order of MONAI's and nnU-Net's chains: first spatial transforms, then intensity transforms.
    var transforms: [any RandomPatchTransform] {
        var steps: [any RandomPatchTransform] = []
        if flipProbability > 0 { steps += flipAxes.map { RandFlip(probability: flipProbability, axis: $0) } }
        if rotateProbability > 0 { steps.append(RandRotate90(probability: rotateProbability, maxTurns: 3)) }
        let chosen: [(any RandomPatchTransform)?] = [
            affine, elastic, noise, blur, brightness, contrast, lowResolution, gamma,
        ]
        steps += chosen.compactMap(\.self)
        if scaleProbability > 0 {
            steps.append(RandScaleIntensity(factors: -scaleFactors...scaleFactors, probability: scaleProbability))
        }
        if shiftProbability > 0 {
            steps.append(RandShiftIntensity(offsets: -shiftOffsets...shiftOffsets, probability: shiftProbability))
        }
        return steps
    }
}

extension Augmentation {
    private static let key = "augmentation"

    /// Reads the object `augmentation` of a configuration; if it is absent, there is no augmentation.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    package init(of configuration: ConfigReader) throws {
        self = try ConfigCoder(configuration).object(Self.key, nil, Self.coded) ?? Self()
    }

    /// The entries that read back as this value; entries that the configuration contains are kept as written.
    package func entries(of configuration: ConfigValue) -> [String: ConfigValue] {
        let steps = ConfigCoder.entries(self, Self.coded)
        guard case .object(let document) = configuration, case .object(let written)? = document[Self.key] else {
            return [Self.key: .object(steps)]
        }
        // The written degrees win: degrees that are converted to radians and back may differ in the last digits.
        let merged = steps.merging(written) { step, own in
            guard case .object(let all) = step, case .object(let given) = own else { return own }
            return .object(all.merging(given) { $1 })
        }
        return [Self.key: .object(merged)]
    }

    /// The steps; a step without a given range has the default range of nnU-Net or of MONAI's tutorials.
    private static func coded(_ steps: Augmentation?, by coder: ConfigCoder) throws -> Augmentation {
        var steps = steps ?? Augmentation()
        try steps.codePlaces(by: coder)
        try steps.codeIntensities(by: coder)
        return steps
    }

    /// The spatial transforms.
    private mutating func codePlaces(by coder: ConfigCoder) throws {
        let flip = flipProbability > 0 ? (flipProbability, flipAxes) : nil
        (flipProbability, flipAxes) =
            try coder.object("flip", flip) { flip, coder in
                (try coder.chance(flip?.0, 0.1), try coder.value("axes", flip?.1 ?? [0, 1, 2], .flipAxes))
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

    /// The steps that change only intensities.
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
    /// The object `affine`; ranges that are not given are nnU-Net's.
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
    /// The probability of a step.
    fileprivate func chance(_ probability: Double?, _ usual: Double) throws -> Double {
        try value("prob", probability ?? usual, .chance)
    }
}

extension ConfigForm<[Double]> {
    /// Three angles in radians. The configuration has them in degrees, as one number or three.
    fileprivate static var degrees: Self {
        Self(
            decode: { value, key, reader in
                let one = value.number.map { [$0, $0, $0] }
                var degrees = one ?? []
                if case .array? = reader.value(key) { degrees = try reader.doubles(key) ?? [] }
                guard degrees.count == 3, degrees.allSatisfy({ $0 >= 0 && $0 <= 180 }) else {
                    throw reader.error(key, "should be degrees from 0 to 180, one number or one per axis")
                }
                return degrees.map { $0 * .pi / 180 }
            }, encode: { .array($0.map { .double(($0 * 180e9 / .pi).rounded() / 1e9) }) })
    }
}

extension ConfigForm<[Int]> {
    /// Axes that are flipped one after the other; an axis that is listed twice is drawn twice.
    fileprivate static var flipAxes: Self {
        ints.restricted(to: "some of 0, 1 and 2") { Set($0).isSubset(of: [0, 1, 2]) }
    }
}
