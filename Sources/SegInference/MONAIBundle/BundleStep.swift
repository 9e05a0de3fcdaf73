internal import Foundation

/// The effect of a step in a bundle's `imports`, `initialize` or `run`.
enum BundleStep: Hashable {
    /// Prepares Python, or starts the evaluation, which a prediction runs anyway.
    case preparation
    /// Calls the weight loader whose id is `loader`. If there is a flag, the loader is called only if the flag is true.
    case load(loader: String, flag: String?)

    /// Parses a step; nil if it is Python that would have to be run.
    init?(_ step: String) {
        guard step.hasPrefix("$") else { return nil }
        let text = step.dropFirst().trimmingCharacters(in: .whitespaces)
        let calls = ["monai.utils.set_determinism(", "setattr(torch.backends.cudnn,"]
        // The step is one call and nothing else, with no parentheses inside it.
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
