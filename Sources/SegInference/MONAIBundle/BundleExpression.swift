internal import Foundation
internal import SegCore

/// The forms of a bundle's `$` expressions that are understood, by their text alone.
enum BundleExpression {
    /// Something to add up to a text.
    enum Term {
        case reference(String)
        case text(String)
    }

    /// `$@id`, or `$@id.to(@device)`, which is the same network.
    case reference(String)
    /// `$@bundle_root + '/models'`, of references and quoted texts.
    case sum([Term])
    /// `$lambda x: x > 0`, the foreground that MONAI crops to anyway, truth values, types of elements and readers.
    case constant(ConfigValue)
    /// Anything else.
    case unknown

    /// What stands for the default of `CropForegroundd.select_fn`.
    static let isPositive = ConfigValue.string("x > 0")

    init(_ expression: String) {
        let text = expression.dropFirst().trimmingCharacters(in: .whitespaces)
        switch text {
        case "True": self = .constant(true)
        case "False": self = .constant(false)
        case "None": self = .constant(.null)
        case "lambda x: x > 0", "lambda x : x > 0": self = .constant(Self.isPositive)
        case "monai.data.NibabelReader", "monai.data.ITKReader":
            self = .constant(.string(String(text.dropFirst("monai.data.".count))))
        default:
            if let type = Self.elementType(text) {
                self = .constant(.string(type))
            } else {
                self = Self.reference(text).map { .reference($0) } ?? Self.sum(text) ?? .unknown
            }
        }
    }

    /// `float32` of `torch.float32`, `numpy.float32` or `np.float32`.
    private static func elementType(_ text: String) -> String? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, ["torch", "numpy", "np"].contains(parts[0]) else { return nil }
        let types = ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]
        return types.first { $0 == parts[1] }
    }

    private static func reference(_ text: String) -> String? {
        var body = text[...]
        if let call = body.range(of: ".to(@"), body.hasSuffix(")"),
            identifier(body[call.upperBound...].dropLast()) != nil
        {
            body = body[..<call.lowerBound]
        }
        return body.hasPrefix("@") ? identifier(body.dropFirst()) : nil
    }

    private static func sum(_ text: String) -> BundleExpression? {
        var terms: [Term] = []
        var rest = text[...]
        while true {
            rest = rest.drop { $0 == " " }
            guard let first = rest.first else { return nil }
            if first == "@" {
                let name = rest.dropFirst().prefix { $0.isLetter || $0.isNumber || "_:#".contains($0) }
                guard let target = identifier(name) else { return nil }
                terms.append(.reference(target))
                rest = rest[name.endIndex...]
            } else if first == "'" || first == "\"" {
                let literal = rest.dropFirst().prefix { $0 != first }
                guard literal.endIndex != rest.endIndex, !literal.contains("\\") else { return nil }
                terms.append(.text(String(literal)))
                rest = rest[rest.index(after: literal.endIndex)...]
            } else {
                return nil
            }
            rest = rest.drop { $0 == " " }
            if rest.isEmpty { return .sum(terms) }
            guard rest.first == "+" else { return nil }
            rest = rest.dropFirst()
        }
    }

    private static func identifier(_ text: Substring) -> String? {
        let isName = !text.isEmpty && text.allSatisfy { $0.isLetter || $0.isNumber || "_:#".contains($0) }
        return isName ? String(text) : nil
    }

    /// What a step of `imports`, `initialize` or `run` does.
    enum Step: Hashable {
        /// Prepares Python, or starts what a prediction does anyway.
        case preparation
        /// Calls a loader of weights by its id; where there is a flag, only if that is true.
        case load(loader: String, flag: String?)
    }

    /// Understands a step; nil where it would have to be evaluated.
    static func step(_ step: String) -> Step? {
        guard step.hasPrefix("$") else { return nil }
        let text = step.dropFirst().trimmingCharacters(in: .whitespaces)
        let starts = ["import ", "from ", "monai.utils.set_determinism(", "setattr(torch.backends.cudnn,"]
        if starts.contains(where: text.hasPrefix) { return .preparation }
        if ["@evaluator.run()", "@validate#evaluator.run()", "None"].contains(text) { return .preparation }
        guard text.hasPrefix("@"), let call = text.range(of: "(@evaluator)"),
            let loader = identifier(text[..<call.lowerBound].dropFirst())
        else { return nil }
        let rest = text[call.upperBound...]
        if rest.isEmpty { return .load(loader: loader, flag: nil) }
        guard rest.hasPrefix(" if @"), rest.hasSuffix(" else None"),
            let flag = identifier(rest.dropFirst(" if @".count).dropLast(" else None".count))
        else { return nil }
        return .load(loader: loader, flag: flag)
    }
}
