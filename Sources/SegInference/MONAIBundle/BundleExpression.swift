internal import Foundation
internal import SegCore
internal import SegImaging

/// A bundle's `$` expression, parsed into a tree: the part of Python that computes values. No Python is run.
///
/// Literals, lists, dictionaries, `@references`, arithmetic, comparisons, `and`, `or`, `not`, `A if B else C`, indexing,
/// and a few names and calls (`BundleNames`).
indirect enum BundleExpression {
    /// A literal value.
    case constant(ConfigValue)
    /// `@id`, or `@id.to(@device)`, which is the same.
    case reference(String)
    /// `[a, b]` or `(a, b)`.
    case list([BundleExpression])
    /// `{a: b}`.
    case dictionary([(BundleExpression, BundleExpression)])
    /// `-a`, `+a` or `not a`.
    case unary(String, BundleExpression)
    /// `a + b` and the like.
    case binary(String, BundleExpression, BundleExpression)
    /// `a if b else c`: b, a, c.
    case choice(BundleExpression, BundleExpression, BundleExpression)
    /// `a[b]`.
    case item(BundleExpression, BundleExpression)
    /// `len(a)` and the like.
    case call(String, [BundleExpression])

    /// The constant that represents the default of `CropForegroundd.select_fn`.
    static let isPositive = ConfigValue.string("x > 0")

    /// A function that leaves a mask unchanged, because a mask holds no NaN.
    static let fillsNaN = "$lambda x: torch.nan_to_num(x, nan=255)"

    /// Parses an expression that begins with `$`; nil if it is not supported.
    init?(_ expression: String) {
        let text = expression.dropFirst().trimmingCharacters(in: .whitespaces)
        guard text.utf8.count <= Limits.expressionCharacters else { return nil }
        if ["lambda x: x > 0", "lambda x : x > 0", "lambda x: x>0"].contains(text) {
            self = .constant(Self.isPositive)
            return
        }
        // A function that a step supports is kept as text.
        if IntensityCurve.named(expression) != nil || RegionPainting(expression) != nil || expression == Self.fillsNaN {
            self = .constant(.string(expression))
            return
        }
        if let numbers = BundleClassList(text)?.numbers {
            self = .constant(.array(numbers.map(ConfigValue.int)))
            return
        }
        guard let tokens = BundleToken.all(in: text) else { return nil }
        var parser = BundleParser(tokens)
        guard let tree = parser.expression(), parser.isAtEnd else { return nil }
        self = tree
    }
}

/// A token of an expression.
enum BundleToken: Hashable {
    case number(ConfigValue)
    case text(String)
    case reference(String)
    case name(String)
    case mark(String)

    /// The tokens of an expression; nil if a part of the text is not a token.
    static func all(in text: String) -> [BundleToken]? {
        var rest = Substring(text)
        var tokens: [BundleToken] = []
        while true {
            rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\n" }
            guard let first = rest.first else { return tokens }
            let token: BundleToken?
            if first == "@" {
                token = reference(&rest)
            } else if first == "'" || first == "\"" {
                token = literal(&rest, quote: first)
            } else if first.isNumber || (first == "." && rest.dropFirst().first?.isNumber == true) {
                token = number(&rest)
            } else if first.isLetter || first == "_" {
                token = .name(word(&rest) { $0.isLetter || $0.isNumber || $0 == "_" })
            } else {
                token = mark(&rest)
            }
            guard let token else { return nil }
            tokens.append(token)
        }
    }

    private static func word(_ rest: inout Substring, _ belongs: (Character) -> Bool) -> String {
        let word = rest.prefix(while: belongs)
        rest = rest[word.endIndex...]
        return String(word)
    }

    private static func reference(_ rest: inout Substring) -> BundleToken? {
        rest = rest.dropFirst()
        var id = ""
        while true {
            let part = word(&rest) { $0.isLetter || $0.isNumber || $0 == "_" }
            guard !part.isEmpty else { return nil }
            id += part
            guard let link = ["::", "#"].first(where: { rest.hasPrefix($0) }) else { return .reference(id) }
            id += link
            rest = rest.dropFirst(link.count)
        }
    }

    private static func literal(_ rest: inout Substring, quote: Character) -> BundleToken? {
        let body = rest.dropFirst().prefix { $0 != quote }
        guard body.endIndex != rest.endIndex, !body.contains("\\") else { return nil }
        rest = rest[rest.index(after: body.endIndex)...]
        return .text(String(body))
    }

    private static func number(_ rest: inout Substring) -> BundleToken? {
        var text = word(&rest) { $0.isNumber || $0 == "." || $0 == "_" }
        if let mark = rest.first, mark == "e" || mark == "E" {
            text.append("e")
            rest = rest.dropFirst()
            if let sign = rest.first, sign == "-" || sign == "+" {
                text.append(sign)
                rest = rest.dropFirst()
            }
            text += word(&rest) { $0.isNumber }
        }
        guard rest.first.map({ !$0.isLetter }) ?? true else { return nil }
        let digits = text.replacing("_", with: "")
        if let whole = Int(digits) { return .number(.int(whole)) }
        return Double(digits).map { .number(.double($0)) }
    }

    private static func mark(_ rest: inout Substring) -> BundleToken? {
        let marks = [
            "**", "//", "==", "!=", "<=", ">=", "=", "+", "-", "*", "/", "%", "<", ">", "(", ")", "[", "]", "{", "}",
            ",",
            ":", ".",
        ]
        guard let mark = marks.first(where: { rest.hasPrefix($0) }) else { return nil }
        rest = rest.dropFirst(mark.count)
        return .mark(mark)
    }
}

/// A list of numbers from 1 on without some: `list(set([i+1 for i in range(132)]) - set([2, 16]))`, the one comprehension that
/// is supported.
struct BundleClassList {
    /// The numbers, in ascending order.
    let numbers: [Int]

    /// Parses an expression; nil if it has another form, or if Python's order of the numbers may not be ascending.
    init?(_ text: String) {
        let tight = text.filter { $0 != " " && $0 != "\n" }
        let (start, middle, end) = ("list(set([i+1foriinrange(", ")])-set([", "]))")
        guard text.contains(" for i in range("), tight.hasPrefix(start), tight.hasSuffix(end),
            let gap = tight.range(of: middle), let count = Int(tight[..<gap.lowerBound].dropFirst(start.count)),
            (1...Limits.expressionCharacters).contains(count)
        else { return nil }
        let left = tight[gap.upperBound...].dropLast(end.count).split(separator: ",", omittingEmptySubsequences: false)
        let excluded = left.compactMap { Int($0) }
        guard excluded.count == left.count else { return nil }
        let without = Set(excluded)
        numbers = (1...count).filter { !without.contains($0) }
        // A set of CPython holds an integer in the slot of its value if it has more slots than the largest integer. It has more
        // than 5/3 as many slots as numbers, and their number is a power of two.
        var slots = 8
        while (slots - 1) * 3 <= numbers.count * 5 { slots *= 2 }
        guard count < slots else { return nil }
    }
}
