internal import Foundation
internal import SegCore
internal import SegData
internal import SegImaging

extension PatchSampling {
    /// Reads or writes the object `sampling` and the entry `rng`; an absent object means one positive and one negative patch
    /// of one volume.
    /// - Parameter roi: The size of a patch.
    static func coded(_ own: PatchSampling?, roi: Triple, by coder: ConfigCoder) throws -> PatchSampling {
        var plain = PatchSampling(size: roi)
        plain.draws = try coder.value("rng", own?.draws ?? plain.draws, .name)
        return try coder.object("sampling", own) { try plain.coded($0, by: $1) } ?? plain
    }

    /// Writes the given object `sampling`, or reads it into a copy of this.
    private func coded(_ sampling: PatchSampling?, by coder: ConfigCoder) throws -> PatchSampling {
        var sampling = sampling ?? self
        try sampling.codeCentres(by: coder)
        sampling.samplesPerVolume = try coder.value(
            "samples_per_volume", sampling.samplesPerVolume, .within(1...1024))
        sampling.volumesPerBatch = try coder.value("volumes_per_batch", sampling.volumesPerBatch, .within(1...1024))
        sampling.imageThreshold = try coder.value("image_threshold", sampling.imageThreshold, .number)
        sampling.pad = try coder.value("pad", sampling.pad, .bool)
        return sampling
    }

    /// Reads or writes the choice of patch centres: two weights, or nnU-Net's share instead.
    private mutating func codeCentres(by coder: ConfigCoder) throws {
        guard let reader = coder.reader, reader.value("foreground_oversampling") != nil else {
            guard foregroundOversampling == nil else {
                foregroundOversampling = try coder.optional("foreground_oversampling", foregroundOversampling, .chance)
                return
            }
            positive = try coder.value("pos", positive, .number)
            negative = try coder.value("neg", negative, .number)
            return try coder.check(
                "pos", positive >= 0 && negative >= 0 && positive + negative > 0,
                "\(positive) and neg \(negative) should be at least 0 and not both 0")
        }
        foregroundOversampling = try coder.optional("foreground_oversampling", foregroundOversampling, .chance)
        try coder.check(
            "foreground_oversampling", reader.value("pos") == nil && reader.value("neg") == nil,
            "replaces pos and neg; leave those out")
        try coder.check(
            "foreground_oversampling", draws == .medseg, "is nnU-Net's; with rng: monai give pos and neg")
    }
}

extension ConfigForm<CaseCache> {
    /// A cache folder, or `none`.
    static var cache: Self {
        Self(
            decode: { _, key, reader in
                let path = try reader.required(key, reader.string(key))
                return CaseCache(folder: path == "none" ? nil : (path as NSString).expandingTildeInPath)
            }, encode: { .string($0.folder ?? "none") })
    }
}
