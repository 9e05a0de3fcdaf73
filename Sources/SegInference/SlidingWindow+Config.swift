internal import SegBackend
package import SegCore
internal import SegImaging

extension SlidingWindow {
    /// The maximum number of voxels of a window, 1 GiB; a larger size is taken to be a typing error.
    package static let largestWindow = 1 << 28

    /// Reads or writes `roi_size`, `overlap` and `mode`, as they are called in `model.json` and in MONAI's inferers.
    static func coded(_ own: SlidingWindow?, by coder: ConfigCoder) throws -> SlidingWindow {
        SlidingWindow(
            window: try coder.required("roi_size", own?.window, .window),
            overlap: try coder.value("overlap", own?.overlap ?? 0.25, .overlap),
            blending: try coder.value(
                "mode", own?.blending ?? .constant,
                .named(["constant": .constant, "gaussian": .gaussian, "nnunet": .nnUNet])))
    }

    /// Creates the windows of a model; one window over the whole image if the model gives no size.
    package init(of description: ModelDescription, over size: Triple) {
        let whole = Triple(size.d, size.h, size.w)
        self.init(window: description.roiSize ?? whole, overlap: description.overlap, blending: description.mode)
    }
}

extension WindowPadding {
    /// Reads or writes `padding_mode` and `cval`, as they are called in MONAI's inferers; defaults are not written.
    static func coded(_ own: WindowPadding?, by coder: ConfigCoder) throws -> WindowPadding {
        let isReplicated =
            try coder.given(
                "padding_mode", own == .replicate ? true : nil, .named(["constant": false, "replicate": true])) ?? false
        var constant: Float?
        if case .constant(let value)? = own, value != 0 { constant = value }
        let value = try coder.given("cval", constant, .number) ?? 0
        return isReplicated ? .replicate : .constant(value)
    }
}

extension ConfigForm<Triple> {
    /// The size of a window.
    fileprivate static var window: Self {
        Self(
            decode: { _, key, reader in
                let extents = try reader.required(key, reader.ints(key))
                guard extents.count == 3, extents.allSatisfy({ $0 > 0 }) else {
                    throw reader.error(key, "should be three positive integers, not \(extents)")
                }
                guard extents.map(Double.init).reduce(1, *) <= Double(SlidingWindow.largestWindow) else {
                    throw reader.error(
                        key,
                        "\(extents) exceeds the maximum of \(SlidingWindow.largestWindow) voxels per window")
                }
                return Triple(extents)
            }, encode: { .array($0.array.map(ConfigValue.int)) })
    }
}

extension ConfigForm<WindowOverlap> {
    /// A share, or one share per axis.
    fileprivate static var overlap: Self {
        Self(
            decode: { value, key, reader in
                var overlap = value.number.map { WindowOverlap($0) }
                if case .array(let items) = value {
                    let shares = items.compactMap(\.number)
                    overlap =
                        items.count == 3 && shares.count == 3 ? WindowOverlap(shares[0], shares[1], shares[2]) : nil
                }
                guard let overlap, overlap.isValid else {
                    throw reader.error(
                        key, "should be a number of at least 0 and below 1, or three of them, not \(value)")
                }
                return overlap
            }, encode: \.value)
    }
}
