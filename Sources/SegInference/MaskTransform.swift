internal import SegCore
internal import SegImaging

/// A transform that makes the mask, with the arguments that are supported; `MaskStep` is one that changes a mask.
enum MaskTransform {
    /// `Activations`.
    case activations(sigmoid: Bool, softmax: Bool)
    /// `Invert`.
    case invert(isNearest: Bool)
    /// `AsDiscrete`.
    case discrete(argmax: Bool, threshold: Double?)
    /// `Lambda`, a function that turns regions into class numbers.
    case painting(RegionPainting)
    /// nnU-Net's one step: logits are resampled, then classes are made or regions painted, each with a number of `order`.
    case export(order: [UInt8]?)

    /// The readers and writers of MONAI's classes and of nnU-Net's step. Only what is set is written.
    static var forms: [ComponentForm<MaskTransform>] {
        [
            ComponentForm(
                "Activations",
                { if case .activations(let sigmoid, let softmax) = $0 { (sigmoid, softmax) } else { nil } }
            ) {
                try $1.expect("other", .null)
                return .activations(
                    sigmoid: try $1.given("sigmoid", $0?.0.ifSet, .bool) ?? false,
                    softmax: try $1.given("softmax", $0?.1.ifSet, .bool) ?? false)
            },
            ComponentForm("Invert", { if case .invert(let isNearest) = $0 { isNearest } else { nil } }) {
                let isNearest = try $1.value("nearest_interp", $0 ?? true, .bool)
                try $1.expect("post_func", .null)
                return .invert(isNearest: isNearest)
            },
            ComponentForm(
                "AsDiscrete", { if case .discrete(let argmax, let threshold) = $0 { (argmax, threshold) } else { nil } }
            ) {
                for key in ["to_onehot", "dim", "keepdim"] { try $1.expect(key, .null) }
                return .discrete(
                    argmax: try $1.given("argmax", $0?.0.ifSet, .bool) ?? false,
                    threshold: try $1.given("threshold", $0?.1, .number))
            },
            ComponentForm("Lambda", { if case .painting(let painting) = $0 { painting } else { nil } }) {
                $1.reader?.ignore("inv_func", "track_meta")
                try $1.expect("overwrite", true)
                return .painting(try $1.required("func", $0, .painting))
            },
            ComponentForm(nnUNetName, \.exportOrder) {
                .export(order: try $1.optional("regions_class_order", $0 ?? nil, .paints))
            },
        ]
    }

    /// The name of nnU-Net's step, which a bundle does not have.
    static let nnUNetName = "NNUNetExport"

    private var exportOrder: [UInt8]?? {
        guard case .export(let order) = self else { return nil }
        return .some(order)
    }

    /// The component that is read as this transform.
    var value: ConfigValue { ComponentForm.value(of: self, by: Self.forms) }
}

extension Bool {
    /// The value; nil if it is false.
    fileprivate var ifSet: Bool? { self ? true : nil }
}

extension ConfigForm<RegionPainting> {
    /// A painting as MONAI's Python function.
    fileprivate static var painting: Self {
        Self(
            decode: { value, key, reader in
                let text = try ConfigForm<String>.text.decode(value, key, reader)
                guard let painting = RegionPainting(text) else {
                    throw reader.error(
                        key,
                        "'\(text)' is Python, which is not run; supported: lambda x: torch.where(x[[2]] > 0, 4, "
                            + "torch.where(x[[0]] > 0, 1, 0)) with any channels and class numbers")
                }
                return painting
            }, encode: { .string($0.expression) })
    }
}

extension ConfigForm<[UInt8]> {
    /// Numbers of foreground classes.
    fileprivate static var paints: Self {
        Self(
            decode: { value, key, reader in
                try ConfigForm<[Int]>.ints.decode(value, key, reader).map { number in
                    guard (1..<ModelDescription.mostClasses).contains(number), let label = UInt8(exactly: number) else {
                        throw reader.error(key, "should be class numbers from 1 to \(ModelDescription.mostClasses - 1)")
                    }
                    return label
                }
            }, encode: { .array($0.map { .int(Int($0)) }) })
    }
}
