internal import SegCore
internal import SegImaging

/// The steps of a `postprocessing.json`. `nnUNetv2_find_best_configuration` writes the file beside the results of
/// cross-validation, and `nnUNetv2_apply_postprocessing` applies its steps to masks.
struct NNUNetPostprocessing {
    private static let function = "remove_all_but_largest_component_from_segmentation"

    /// The steps in their order.
    let steps: [MaskStep]

    /// Reads a file.
    /// - Parameter labels: The numbers that the model's masks hold.
    /// - Throws: `DataError` if the file cannot be read, or has an unsupported step or a number that is not one of `labels`.
    init(file: String, labels: Set<Int>) throws {
        guard !file.hasSuffix(".pkl") else {
            throw DataError(
                .badArgument, file,
                "holds Python functions, which are not run; give postprocessing.json, which is in the same "
                    + "folder")
        }
        let reader = try ConfigReader(ConfigValue(jsonFile: file), path: "", source: file)
        let functions = try reader.required("postprocessing_fns", reader.strings("postprocessing_fns"))
        let arguments = try reader.required("postprocessing_kwargs", reader.objects("postprocessing_kwargs"))
        guard functions.count == arguments.count else {
            throw reader.error(
                "postprocessing_kwargs", "should be \(functions.count) objects, one for each of postprocessing_fns")
        }
        if let other = functions.first(where: { $0 != Self.function }) {
            throw reader.error("postprocessing_fns", "'\(other)' is not supported; supported: \(Self.function)")
        }
        // These two entries give the Dice before and after the steps. nnU-Net chose the steps by this Dice.
        reader.ignore("input_folder", "postprocessed")
        try reader.finish()
        steps = try arguments.map { arguments in
            let value = try arguments.required("labels_or_regions", arguments.value("labels_or_regions"))
            try arguments.expect("background_label", 0)
            try arguments.finish()
            let numbers = try Self.numbers(value, arguments)
            if let stray = numbers.first(where: { !labels.contains(Int($0)) }) {
                throw arguments.error("labels_or_regions", "contains label \(stray), which the model does not have")
            }
            return .keepAllLargest(numbers)
        }
    }

    /// The label numbers in a value: a number, or a list of numbers and of regions, which are lists themselves.
    private static func numbers(_ value: ConfigValue, _ reader: ConfigReader) throws -> [UInt8] {
        if case .array(let items) = value { return try items.flatMap { try numbers($0, reader) } }
        guard let number = value.wholeNumber.flatMap(UInt8.init(exactly:)), number > 0 else {
            throw reader.error("labels_or_regions", "should hold labels from 1 to 255 or lists of them, not \(value)")
        }
        return [number]
    }
}
