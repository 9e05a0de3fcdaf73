internal import Foundation
internal import SegCore
internal import SegModels

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
    /// `$lambda x: x > 0`, the foreground that MONAI crops to anyway, and truth values.
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
        default: self = Self.reference(text).map { .reference($0) } ?? Self.sum(text) ?? .unknown
        }
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

    /// Whether a step of `imports`, `initialize` or `run` can be left out: it prepares Python or starts what a
    /// prediction does anyway.
    static func isPreparation(_ step: String) -> Bool {
        let text = step.dropFirst().trimmingCharacters(in: .whitespaces)
        let starts = ["import ", "from ", "monai.utils.set_determinism(", "setattr(torch.backends.cudnn,"]
        if starts.contains(where: text.hasPrefix) { return true }
        return ["@checkpointloader(@evaluator)", "@evaluator.run()", "@validate#evaluator.run()"].contains(text)
    }
}
