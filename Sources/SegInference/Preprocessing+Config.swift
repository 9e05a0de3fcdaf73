internal import SegCore
internal import SegImaging

extension Preprocessing {
    /// Reads an object of MONAI's usual steps, or a list of steps of MONAI and nnU-Net in any order.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    fileprivate init(_ value: ConfigValue, key: String, _ reader: ConfigReader) throws {
        if case .array(let items) = value {
            self.init(
                try items.enumerated().map { number, item in
                    try PreprocessingStep(ConfigReader(item, path: "\(key).\(number)", source: reader.source))
                })
        } else {
            self = try ConfigCoder.read(reader.required(key, reader.object(key)), Self.codedUsual)
        }
    }

    /// The value that `init(_:key:_:)` reads.
    var value: ConfigValue {
        isUsual ? .object(ConfigCoder.entries(self, Self.codedUsual)) : .array(steps.map(\.value))
    }

    /// Reads or writes MONAI's usual steps, each if it is given.
    private static func codedUsual(_ own: Preprocessing?, by coder: ConfigCoder) throws -> Preprocessing {
        let intensities = try coder.given("intensity", own?.intensities, .intensity)
        let orientation = try coder.given("orientation", own?.orientation, .axisCodes)
        let pixdim = try coder.given("pixdim", own?.pixdim, .spacing)
        let cropForeground = try coder.value("crop_foreground", own?.cropForeground ?? false, .bool)
        return try coder.checked("crop_foreground") {
            try Preprocessing(
                orientation: orientation, pixdim: pixdim, intensities: intensities, cropForeground: cropForeground)
        }
    }
}

extension ConfigForm<Preprocessing> {
    /// The entry `preprocessing` of a model.
    static var preprocessing: Self {
        Self(decode: { try Preprocessing($0, key: $1, $2) }, encode: \.value)
    }
}
