internal import Foundation

/// What a step of a bundle's `imports`, `initialize` or `run` does.
enum BundleStep: Hashable {
    /// Prepares Python, or starts what a prediction does anyway.
    case preparation
    /// Calls a loader of weights by its id; where there is a flag, only if that is true.
    case load(loader: String, flag: String?)

    /// Understands a step; nil where it would have to be run.
    init?(_ step: String) {
        guard step.hasPrefix("$") else { return nil }
        let text = step.dropFirst().trimmingCharacters(in: .whitespaces)
        let calls = ["monai.utils.set_determinism(", "setattr(torch.backends.cudnn,"]
        // A call is all that stands there: nothing in brackets within, and nothing behind it.
        let isCall = calls.contains { start in
            text.hasPrefix(start) && text.hasSuffix(")")
                && !text.dropFirst(start.count).dropLast().contains(where: "()".contains)
        }
        if isCall || ["import ", "from "].contains(where: text.hasPrefix)
            || ["@evaluator.run()", "@validate#evaluator.run()", "None"].contains(text)
        {
            self = .preparation
            return
        }
        guard text.hasPrefix("@"), let call = text.range(of: "(@evaluator)"),
            let loader = Self.identifier(text[..<call.lowerBound].dropFirst())
        else { return nil }
        let rest = text[call.upperBound...]
        if rest.isEmpty {
            self = .load(loader: loader, flag: nil)
            return
        }
        guard rest.hasPrefix(" if @"), rest.hasSuffix(" else None"),
            let flag = Self.identifier(rest.dropFirst(" if @".count).dropLast(" else None".count))
        else { return nil }
        self = .load(loader: loader, flag: flag)
    }

    private static func identifier(_ text: Substring) -> String? {
        let isName = !text.isEmpty && text.allSatisfy { $0.isLetter || $0.isNumber || "_:#".contains($0) }
        return isName ? String(text) : nil
    }
}
