internal import SegCore
internal import SegImaging

extension PreprocessingStep {
    /// The supported MONAI classes, without their modules and without the `d` of dictionary transforms.
    static var classes: [String] { forms.map(\.name) }

    /// The readers and writers of MONAI's classes.
    private static var forms: [ComponentForm<PreprocessingStep>] {
        [
            ComponentForm("Orientation", { if case .orientation(let step) = $0 { step } else { nil } }) {
                .orientation(try Orientation.coded($0, by: $1))
            },
            ComponentForm("Spacing", { if case .spacing(let step) = $0 { step } else { nil } }) {
                .spacing(try Spacing.coded($0, by: $1))
            },
            ComponentForm("Resize", { if case .resize(let step) = $0 { step } else { nil } }) {
                .resize(try Resize.coded($0, by: $1))
            },
            ComponentForm("ScaleIntensityRange", { if case .scaleIntensityRange(let step) = $0 { step } else { nil } })
            {
                .scaleIntensityRange(try ScaleIntensityRange.coded($0, by: $1))
            },
            ComponentForm("ScaleIntensity", { if case .scaleIntensity(let step) = $0 { step } else { nil } }) {
                .scaleIntensity(try MinMaxScale.coded($0, by: $1))
            },
            ComponentForm(
                "ScaleIntensityRangePercentiles",
                { if case .scaleIntensityRangePercentiles(let step) = $0 { step } else { nil } }
            ) {
                .scaleIntensityRangePercentiles(try PercentileScale.coded($0, by: $1))
            },
            ComponentForm("NormalizeIntensity", { if case .normalizeIntensity(let step) = $0 { step } else { nil } }) {
                .normalizeIntensity(try NormalizeIntensity.coded($0, by: $1))
            },
            ComponentForm("Lambda", { if case .intensityCurve(let curve) = $0 { curve } else { nil } }) {
                .intensityCurve(try $1.required("func", $0, .curve))
            },
            ComponentForm("CropForeground", { if case .cropForeground(let step) = $0 { step } else { nil } }) {
                .cropForeground(try CropForeground.coded($0, by: $1))
            },
            ComponentForm("CenterSpatialCrop", { if case .centerSpatialCrop(let step) = $0 { step.size } else { nil } })
            {
                .centerSpatialCrop(CenterSpatialCrop(size: try $1.required("roi_size", $0, .extents)))
            },
            ComponentForm("CenterScaleCrop", { if case .centerSpatialCrop(let step) = $0 { step.scale } else { nil } })
            {
                .centerSpatialCrop(try CenterSpatialCrop.coded($0, by: $1))
            },
            ComponentForm("SpatialPad", { if case .spatialPad(let step) = $0 { step } else { nil } }) {
                .spatialPad(try SpatialPad.coded($0, by: $1))
            },
            ComponentForm("DivisiblePad", { if case .divisiblePad(let step) = $0 { step } else { nil } }) {
                .divisiblePad(try DivisiblePad.coded($0, by: $1))
            },
            // In a bundle, the arguments name the entries that are joined; in a model folder, the channels are joined.
            ComponentForm("ConcatItems", { if case .concatItems = $0 { () } else { nil } }) { _, _ in .concatItems },
        ]
    }

    /// Reads the arguments of one of MONAI's classes. An absent argument has MONAI's default.
    /// - Parameter name: One of `classes`.
    /// - Throws: `DataError` naming the argument that is missing, wrong or not supported.
    init(class name: String, _ reader: ConfigReader) throws {
        guard let step = try ComponentForm.read(name, reader, by: Self.forms) else {
            throw reader.error(
                "_target_", "'\(name)' is not supported; supported: \(Self.classes.joined(separator: ", "))")
        }
        try reader.expect("lazy", false)
        self = step
    }

    /// Reads a component of `model.json`: one of MONAI's classes, a step of nnU-Net or one of MedSeg's own.
    /// - Throws: `DataError` naming the argument that is missing, wrong or not supported.
    init(_ reader: ConfigReader) throws {
        let name = try reader.required("_target_", reader.string("_target_"))
        self =
            try ComponentForm.read(name, reader, by: Self.nnUNetForms + Self.ownForms)
            ?? PreprocessingStep(class: name, reader)
        try reader.finish()
    }

    /// The component that `init(_:)` reads.
    var value: ConfigValue { ComponentForm.value(of: self, by: Self.forms + Self.nnUNetForms + Self.ownForms) }
}
