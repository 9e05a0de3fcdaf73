internal import SegBackend
package import SegCore
internal import SegImaging

extension SlidingWindow {
    /// Voxels of a window of 1 GiB; a larger size is a typing error.
    package static let largestWindow = 1 << 28

    /// Reads `roi_size`, `overlap` and `mode`, which `model.json` and MONAI's inferers call so.
    /// - Throws: `DataError` naming the key that is missing or wrong.
    init(_ reader: ConfigReader) throws {
        let roi = try reader.required("roi_size", reader.ints("roi_size"))
        guard roi.count == 3, roi.allSatisfy({ $0 > 0 }) else {
            throw reader.error("roi_size", "should be three positive whole numbers, not \(roi)")
        }
        guard roi.map(Double.init).reduce(1, *) <= Double(Self.largestWindow) else {
            throw reader.error(
                "roi_size", "\(roi) is more than the \(Self.largestWindow) voxels that a window may have")
        }
        let modeName = try reader.string("mode") ?? "constant"
        guard let mode = WindowPlan.Blending(rawValue: modeName) else {
            throw reader.error("mode", "should be constant, gaussian or nnunet, not '\(modeName)'")
        }
        self.init(window: Triple(roi), overlap: try Self.overlap(reader), blending: mode)
    }

    /// The windows of a model; one over the whole of an image where it states none.
    package init(of description: ModelDescription, over size: Triple) {
        let whole = Triple(size.d, size.h, size.w)
        self.init(window: description.roiSize ?? whole, overlap: description.overlap, blending: description.mode)
    }

    private static func overlap(_ reader: ConfigReader) throws -> WindowOverlap {
        guard let value = reader.value("overlap") else { return 0.25 }
        var overlap = value.number.map { WindowOverlap($0) }
        if case .array(let items) = value {
            let shares = items.compactMap(\.number)
            overlap = items.count == 3 && shares.count == 3 ? WindowOverlap(shares[0], shares[1], shares[2]) : nil
        }
        guard let overlap, overlap.isValid else {
            throw reader.error(
                "overlap", "should be a number of at least 0 and below 1, or three of them, not \(value)")
        }
        return overlap
    }
}

extension WindowPadding {
    /// Reads `padding_mode` and `cval`, which MONAI's inferers call so.
    /// - Throws: `DataError` where a mode is not supported.
    init(_ reader: ConfigReader) throws {
        let mode = try reader.string("padding_mode") ?? "constant"
        let value = Float(try reader.double("cval") ?? 0)
        switch mode {
        case "constant": self = .constant(value)
        case "replicate": self = .replicate
        default: throw reader.error("padding_mode", "'\(mode)' is not supported; supported: constant, replicate")
        }
    }

    /// What `init(_:)` reads, without what is usual.
    var entries: [String: ConfigValue] {
        switch self {
        case .constant(0): [:]
        case .constant(let value): ["cval": .double(Double(value))]
        case .replicate: ["padding_mode": "replicate"]
        }
    }
}
