internal import Foundation
internal import SegBackend
internal import SegCore
internal import SegData
internal import SegImaging
internal import SegModels

extension PatchSampling {
    /// Reads the object `sampling` and the entry `rng`; absent means one positive and one negative patch of one volume.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    init(_ configuration: ConfigReader, roi: Triple) throws {
        self.init(size: Triple(roi.d, roi.h, roi.w))
        if let name = try configuration.string("rng") {
            guard let named = Draws(rawValue: name) else {
                throw configuration.error("rng", "should be medseg or monai, not '\(name)'")
            }
            draws = named
        }
        guard let reader = try configuration.object("sampling") else { return }
        try readCentres(reader)
        samplesPerVolume = try reader.int("samples_per_volume") ?? 2
        volumesPerBatch = try reader.int("volumes_per_batch") ?? 1
        for (key, count) in [("samples_per_volume", samplesPerVolume), ("volumes_per_batch", volumesPerBatch)]
        where !(1...1024).contains(count) {
            throw reader.error(key, "should be from 1 to 1024, not \(count)")
        }
        imageThreshold = Float(try reader.double("image_threshold") ?? 0)
        pad = try reader.bool("pad") ?? false
        try reader.finish()
    }

    /// The object `sampling` that is read as this.
    var entries: [String: ConfigValue] {
        var entries: [String: ConfigValue] = [
            "samples_per_volume": .int(samplesPerVolume), "volumes_per_batch": .int(volumesPerBatch),
            "image_threshold": .number(imageThreshold), "pad": .bool(pad),
        ]
        if let foregroundOversampling {
            entries["foreground_oversampling"] = .double(foregroundOversampling)
        } else {
            entries["pos"] = .double(positive)
            entries["neg"] = .double(negative)
        }
        return entries
    }

    private mutating func readCentres(_ reader: ConfigReader) throws {
        let weights = (try reader.double("pos"), try reader.double("neg"))
        (positive, negative) = (weights.0 ?? 1, weights.1 ?? 1)
        guard positive >= 0, negative >= 0, positive + negative > 0 else {
            throw reader.error(
                "pos", "\(positive) and neg \(negative) should be at least 0 and not both 0")
        }
        guard let share = try reader.double("foreground_oversampling") else { return }
        guard share >= 0, share <= 1 else {
            throw reader.error("foreground_oversampling", "should be from 0 to 1, not \(share)")
        }
        guard weights == (nil, nil) else {
            throw reader.error("foreground_oversampling", "takes the place of pos and neg; leave those out")
        }
        guard draws == .medseg else {
            throw reader.error("foreground_oversampling", "is nnU-Net's; with rng: monai give pos and neg")
        }
        foregroundOversampling = share
    }
}

extension CaseCache {
    /// Reads the entry `cache`: a folder, or none; absent means the user's own cache.
    init(_ entry: String?) {
        switch entry {
        case nil: self = .ofUser()
        case "none": self.init(folder: nil)
        case let path?: self.init(folder: (path as NSString).expandingTildeInPath)
        }
    }
}
