internal import SegCore
internal import SegImaging

/// The key of a cached case: a digest of the bytes of its files and of every preparation step.
struct CaseKey: Hashable, Sendable {
    let words: [UInt64]

    /// Increased whenever the preparation of a scan or the layout of a cache file changes, so that files which an older
    /// program cached are not used.
    private static let version: UInt64 = 1

    /// Reads the files of a case; nil if one cannot be read.
    init?(_ item: DatasetCase, _ preprocessing: Preprocessing, _ labels: LabelScheme) {
        guard let image = Self.digests(item.images), let label = Self.digests([item.label]) else { return nil }
        let units = item.images.map(Self.unit).joined()
        var scheme = labels.isPlain ? "" : "; labels \(labels.groups ?? []) ignored \(labels.ignored ?? 0)"
        if let regions = labels.regions { scheme += " regions \(regions)" }
        let steps = Array((Self.description(preprocessing) + units + scheme).utf8)
        words = ([0, 1] as [Int]).map { seed in
            let parts: [UInt64] = [
                Self.version, image.count, image.digests[seed], label.count, label.digests[seed],
                steps.withUnsafeBytes { XXHash64.hash($0, seed: UInt64(seed)) },
            ]
            return parts.withUnsafeBytes { XXHash64.hash($0, seed: UInt64(seed)) }
        }
    }

    /// The size in bytes of all files of some scans, and the digests of these bytes with the seeds 0 and 1. A scan may
    /// consist of two files.
    private static func digests(_ scans: [String]) -> (count: UInt64, digests: [UInt64])? {
        let files = scans.flatMap { (try? ScanFile.layout(of: $0).files) ?? [$0] }
        let parts = files.compactMap(fileDigests)
        guard parts.count == files.count, parts.count > 1 else { return parts.first }
        let digests = ([0, 1] as [Int]).map { seed in
            parts.map(\.digests[seed]).withUnsafeBytes { XXHash64.hash($0, seed: UInt64(seed)) }
        }
        return (parts.reduce(0) { $0 + $1.count }, digests)
    }

    /// The number of bytes of a file and their digests.
    private static func fileDigests(_ path: String) -> (count: UInt64, digests: [UInt64])? {
        FileBytes(path)?.withContent { bytes in
            (UInt64(bytes.count), [XXHash64.hash(bytes, seed: 0), XXHash64.hash(bytes, seed: 1)])
        }
    }

    /// 32 hexadecimal digits.
    var hex: String {
        words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// The text in the key of a scan whose lengths are converted to millimetres; empty for other scans. An older
    /// program cached such a scan as if its lengths were in millimetres.
    private static func unit(of image: String) -> String {
        guard let unit = try? ScanFile.layout(of: image).geometry.unit, unit.millimetres != 1 else { return "" }
        return "; lengths in \(unit)"
    }

    /// Every setting, with numbers in full precision.
    private static func description(_ preprocessing: Preprocessing) -> String {
        guard preprocessing.isUsual else {
            // The suffix separates these labels from those that an older program resampled by nearest neighbour.
            return "steps \(preprocessing.steps)" + (preprocessing.resamplesAsNNUNet ? "; labels by their share" : "")
        }
        var text = "orientation \(preprocessing.orientation ?? "-"); pixdim \(preprocessing.pixdim ?? [])"
        if let window = preprocessing.window {
            text += "; window \([window.aMin, window.aMax, window.bMin, window.bMax]) clip \(window.clip)"
        } else if let rules = preprocessing.intensities {
            text += "; \(rules)"
        }
        return text + "; crop \(preprocessing.cropForeground)"
    }
}
