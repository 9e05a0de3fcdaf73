internal import SegImaging

/// What a cached case is known by: the bytes of its two files and everything that is done to them.
struct CaseKey: Hashable, Sendable {
    let words: [UInt64]

    /// Changes whenever the preparation of a scan or the layout of a cache file does, so that what an older program
    /// cached is not taken for this one's.
    private static let version: UInt64 = 1

    /// Reads the files of a case; nil where one cannot be read.
    init?(_ item: DatasetCase, _ preprocessing: Preprocessing) {
        guard let image = MappedFile(item.image), let label = MappedFile(item.label) else { return nil }
        let steps = Array((Self.description(preprocessing) + Self.unit(of: item.image)).utf8)
        words = ([0, 1] as [UInt64]).map { seed in
            let parts: [UInt64] = [
                Self.version, UInt64(image.bytes.count), XXHash64.hash(image.bytes, seed: seed),
                UInt64(label.bytes.count), XXHash64.hash(label.bytes, seed: seed),
                steps.withUnsafeBytes { XXHash64.hash($0, seed: seed) },
            ]
            return parts.withUnsafeBytes { XXHash64.hash($0, seed: seed) }
        }
    }

    /// 32 hexadecimal digits.
    var hex: String {
        words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// A scan whose lengths are converted is not the one that an older program cached as if they were millimetres.
    private static func unit(of image: String) -> String {
        guard let header = try? NIfTI.readHeader(image), header.spaceUnit.millimetres != 1 else { return "" }
        return "; lengths in \(header.spaceUnit)"
    }

    /// Every setting, numbers in full.
    private static func description(_ preprocessing: Preprocessing) -> String {
        var text = "orientation \(preprocessing.orientation ?? "-"); pixdim \(preprocessing.pixdim ?? [])"
        if let window = preprocessing.intensity {
            text += "; window \([window.aMin, window.aMax, window.bMin, window.bMax]) clip \(window.clip)"
        }
        return text + "; crop \(preprocessing.cropForeground)"
    }
}
