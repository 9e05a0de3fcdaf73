internal import SegCore
internal import SegImaging

extension MaskStep {
    /// The readers and writers of MONAI's classes of steps and of nnU-Net's step.
    static var forms: [ComponentForm<MaskStep>] {
        [
            ComponentForm("KeepLargestConnectedComponent", \.keptLargest) {
                .keepLargest(
                    try $1.optional("applied_labels", $0?.labels ?? nil, .labels),
                    independent: try $1.value("independent", $0?.independent ?? true, .bool),
                    connectivity: try $1.value("connectivity", $0?.connectivity ?? .corners, .connectivity),
                    count: try $1.value("num_components", $0?.count ?? 1, .int.restricted(to: "at least 1") { $0 > 0 }))
            },
            ComponentForm("FillHoles", { if case .fillHoles(let labels, let how) = $0 { (labels, how) } else { nil } })
            {
                .fillHoles(
                    try $1.optional("applied_labels", $0?.0 ?? nil, .labels),
                    connectivity: try $1.value("connectivity", $0?.1 ?? .corners, .connectivity))
            },
            ComponentForm("RemoveSmallObjects", \.removedSmall) {
                try $1.expect("by_measure", false)
                try $1.expect("pixdim", .null)
                return .removeSmall(
                    below: try $1.value("min_size", $0?.least ?? 64, .int),
                    independent: try $1.value("independent_channels", $0?.independent ?? true, .bool),
                    connectivity: try $1.value("connectivity", $0?.connectivity ?? .faces, .connectivity))
            },
            ComponentForm("LabelFilter", { if case .keepLabels(let labels) = $0 { labels } else { nil } }) {
                .keepLabels(try $1.required("applied_labels", $0, .labels))
            },
            ComponentForm(nnUNetName, { if case .keepAllLargest(let labels) = $0 { labels } else { nil } }) {
                let labels = try $1.required("labels_or_regions", $0, .labels)
                try $1.check(
                    "labels_or_regions", !labels.isEmpty && !labels.contains(0), "should be classes from 1 on")
                return .keepAllLargest(labels)
            },
        ]
    }

    /// The name of nnU-Net's step, which a bundle does not have.
    static let nnUNetName = "NNUNetKeepLargest"

    /// The labels of a step that are channel numbers if each channel is a region.
    var channels: Labels {
        switch self {
        case .keepLargest(let labels, _, _, _), .fillHoles(let labels, _): labels
        case .keepAllLargest, .removeSmall, .keepLabels: nil
        }
    }

    private var keptLargest: (labels: Labels, independent: Bool, connectivity: Connectivity, count: Int)? {
        guard case .keepLargest(let labels, let independent, let connectivity, let count) = self else { return nil }
        return (labels, independent, connectivity, count)
    }

    private var removedSmall: (least: Int, independent: Bool, connectivity: Connectivity)? {
        guard case .removeSmall(let least, let independent, let connectivity) = self else { return nil }
        return (least, independent, connectivity)
    }
}

extension ConfigForm<[UInt8]> {
    /// A list of class numbers, or a single one.
    fileprivate static var labels: Self {
        Self(
            decode: { value, key, reader in
                try ConfigForm<[Int]>.indices.decode(value, key, reader).map { number in
                    guard let label = UInt8(exactly: number) else {
                        throw reader.error(key, "should be class numbers from 0 to 255, not \(number)")
                    }
                    return label
                }
            }, encode: { .array($0.map { .int(Int($0)) }) })
    }
}

extension ConfigForm<Connectivity> {
    /// The connectivity as scikit-image's number.
    fileprivate static var connectivity: Self {
        Self(
            decode: { _, key, reader in
                switch try reader.int(key) {
                case 1: return .faces
                case 2: return .edges
                case 3: return .corners
                case let number: throw reader.error(key, "should be 1, 2 or 3, not \(number ?? 0)")
                }
            }, encode: { .int($0 == .faces ? 1 : $0 == .edges ? 2 : 3) })
    }
}
