internal import SegCore
internal import SegData
internal import SegImaging

extension Augmentation {
    /// Reads the object `augmentation`; absent means none.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader?) throws {
        self.init()
        guard let reader else { return }
        if let flip = try reader.object("flip") {
            flipProbability = try flip.chance(0.1)
            flipAxes = try flip.ints("axes") ?? [0, 1, 2]
            guard flipAxes.allSatisfy((0...2).contains) else { throw flip.error("axes", "should be among 0, 1, 2") }
            try flip.finish()
        }
        if let rotate = try reader.object("rotate90") {
            rotateProbability = try rotate.chance(0.1)
            try rotate.finish()
        }
        affine = try reader.object("affine").map(RandAffine.init)
        elastic = try reader.object("elastic").map(RandElastic.init)
        try readIntensities(reader)
        if let scale = try reader.object("scale_intensity") {
            scaleProbability = try scale.chance(0.1)
            scaleFactors = try scale.extent("factors", 0.1)
            try scale.finish()
        }
        if let shift = try reader.object("shift_intensity") {
            shiftProbability = try shift.chance(0.1)
            shiftOffsets = try shift.extent("offsets", 0.1)
            try shift.finish()
        }
        try reader.finish()
    }

    /// The steps that change intensities alone, with nnU-Net's probabilities and ranges where none are given.
    private mutating func readIntensities(_ reader: ConfigReader) throws {
        if let noise = try reader.object("noise") {
            self.noise = RandGaussianNoise(
                probability: try noise.chance(0.1), deviation: try noise.extent("std", 0.1))
            try noise.finish()
        }
        if let blur = try reader.object("blur") {
            self.blur = RandGaussianSmooth(
                probability: try blur.chance(0.2), sigma: try blur.range("sigma", 0.5...1, above: 0))
            try blur.finish()
        }
        if let brightness = try reader.object("brightness") {
            self.brightness = RandBrightness(
                probability: try brightness.chance(0.15), range: try brightness.range("range", 0.75...1.25, above: 0))
            try brightness.finish()
        }
        if let contrast = try reader.object("contrast") {
            self.contrast = RandContrast(
                probability: try contrast.chance(0.15), range: try contrast.range("range", 0.75...1.25, above: 0))
            try contrast.finish()
        }
        if let low = try reader.object("low_resolution") {
            let zoom = try low.range("zoom", 0.5...1, above: 0)
            guard zoom.upperBound <= 1 else { throw low.error("zoom", "should be at most 1, not \(zoom.upperBound)") }
            lowResolution = RandLowResolution(probability: try low.chance(0.25), zoom: zoom)
            try low.finish()
        }
        if let gamma = try reader.object("gamma") {
            self.gamma = RandGamma(
                probability: try gamma.chance(0.3), range: try gamma.range("range", 0.7...1.5, above: 0),
                invertProbability: try gamma.chance(0, key: "invert_prob"),
                retainsStatistics: try gamma.bool("retain_stats") ?? true)
            try gamma.finish()
        }
    }
}

extension Augmentation {
    /// The object that reads as this, the numbers of a document as they stand there.
    func entries(of document: ConfigValue?) -> ConfigValue {
        var steps: [String: ConfigValue] = [:]
        if flipProbability > 0 {
            steps["flip"] = ["prob": .double(flipProbability), "axes": .array(flipAxes.map { .int($0) })]
        }
        if rotateProbability > 0 { steps["rotate90"] = ["prob": .double(rotateProbability)] }
        steps["affine"] = affine?.entries
        steps["elastic"] = elastic.map {
            [
                "prob": .double($0.probability), "sigma": .range($0.sigma), "magnitude": .range($0.magnitude),
                "padding": .string($0.padding.rawValue),
            ]
        }
        steps["noise"] = noise.map { ["prob": .double($0.probability), "std": .double($0.deviation)] }
        steps["blur"] = blur.map { ["prob": .double($0.probability), "sigma": .range($0.sigma)] }
        steps["brightness"] = brightness.map { ["prob": .double($0.probability), "range": .range($0.range)] }
        steps["contrast"] = contrast.map { ["prob": .double($0.probability), "range": .range($0.range)] }
        steps["low_resolution"] = lowResolution.map { ["prob": .double($0.probability), "zoom": .range($0.zoom)] }
        steps["gamma"] = gamma.map {
            [
                "prob": .double($0.probability), "range": .range($0.range),
                "invert_prob": .double($0.invertProbability),
                "retain_stats": .bool($0.retainsStatistics),
            ]
        }
        if scaleProbability > 0 {
            steps["scale_intensity"] = ["prob": .double(scaleProbability), "factors": .double(scaleFactors)]
        }
        if shiftProbability > 0 {
            steps["shift_intensity"] = ["prob": .double(shiftProbability), "offsets": .double(shiftOffsets)]
        }
        guard case .object(let written)? = document else { return .object(steps) }
        // Degrees that went through radians and back might not be the same number.
        return .object(
            steps.merging(written) { step, own in
                guard case .object(let all) = step, case .object(let given) = own else { return own }
                return .object(all.merging(given) { $1 })
            })
    }
}

extension ConfigValue {
    fileprivate static func range(_ range: ClosedRange<Double>) -> ConfigValue {
        [.double(range.lowerBound), .double(range.upperBound)]
    }
}

extension RandAffine {
    fileprivate var entries: ConfigValue {
        [
            "prob": .double(probability),
            "rotate": .array(
                (rotation.isEmpty ? [0, 0, 0] : rotation).map { .double(($0 * 180e9 / .pi).rounded() / 1e9) }),
            "shear": .double(shear ?? 0), "scale": .range(scale ?? 1...1), "padding": .string(padding.rawValue),
        ]
    }

    /// Reads the object `affine`: nnU-Net's ranges where none are given.
    fileprivate init(_ reader: ConfigReader) throws {
        var degrees = [30.0, 30, 30]
        if case .array? = reader.value("rotate") {
            degrees = try reader.doubles("rotate") ?? degrees
        } else if let degree = try reader.double("rotate") {
            degrees = [degree, degree, degree]
        }
        guard degrees.count == 3, degrees.allSatisfy({ $0 >= 0 && $0 <= 180 }) else {
            throw reader.error("rotate", "should be degrees from 0 to 180, one number or one for each axis")
        }
        let shear = try reader.extent("shear", 0)
        let scale = try reader.range("scale", 0.7...1.4, above: 0)
        self.init(
            probability: try reader.chance(0.2),
            rotation: degrees == [0, 0, 0] ? [] : degrees.map { $0 * .pi / 180 }, shear: shear == 0 ? nil : shear,
            scale: scale == 1...1 ? nil : scale, padding: try reader.padding())
        try reader.finish()
    }
}

extension RandElastic {
    /// Reads the object `elastic`: the ranges of MONAI's tutorials where none are given.
    fileprivate init(_ reader: ConfigReader) throws {
        self.init(
            probability: try reader.chance(0.1), sigma: try reader.range("sigma", 5...8, above: 0),
            magnitude: try reader.range("magnitude", 100...200, above: -.infinity), padding: try reader.padding())
        try reader.finish()
    }
}

extension ConfigReader {
    /// A probability.
    fileprivate func chance(_ usual: Double, key: String = "prob") throws -> Double {
        let probability = try double(key) ?? usual
        guard probability >= 0, probability <= 1 else { throw error(key, "should be from 0 to 1, not \(probability)") }
        return probability
    }

    /// A number of at least 0.
    fileprivate func extent(_ key: String, _ usual: Double) throws -> Double {
        let extent = try double(key) ?? usual
        guard extent >= 0, extent.isFinite else { throw error(key, "should be 0 or more, not \(extent)") }
        return extent
    }

    /// Two numbers, the lower first, both above a limit.
    fileprivate func range(_ key: String, _ usual: ClosedRange<Double>, above limit: Double) throws
        -> ClosedRange<Double>
    {
        guard let ends = try doubles(key) else { return usual }
        guard ends.count == 2, ends.allSatisfy(\.isFinite), ends[0] > limit, ends[0] <= ends[1] else {
            let least = limit.isFinite ? ", both above \(Int(limit))" : ""
            throw error(
                key,
                "should be the least and the greatest\(least), such as "
                    + "[\(usual.lowerBound), \(usual.upperBound)], not \(ends)")
        }
        return ends[0]...ends[1]
    }

    /// What lies outside a patch that is turned or bent.
    fileprivate func padding() throws -> PatchPadding {
        guard let name = try string("padding") else { return .reflection }
        guard let padding = PatchPadding(rawValue: name) else {
            throw error("padding", "should be zeros, border or reflection, not '\(name)'")
        }
        return padding
    }
}
