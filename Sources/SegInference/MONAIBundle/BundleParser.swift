internal import SegCore

/// Parses the tokens of an expression into a tree, by Python's operator precedence.
struct BundleParser {
    private let tokens: [BundleToken]
    private var place = 0
    private var depth = 0

    /// The maximum depth of nesting; expressions written by hand are not deeper.
    private static let mostDepth = 64

    init(_ tokens: [BundleToken]) { self.tokens = tokens }

    /// Whether every token was read.
    var isAtEnd: Bool { place == tokens.count }

    private var next: BundleToken? { place < tokens.count ? tokens[place] : nil }

    private mutating func take(_ token: BundleToken) -> Bool {
        guard next == token else { return false }
        place += 1
        return true
    }

    private mutating func take(among marks: [String]) -> String? {
        let found: String? =
            switch next {
            case .mark(let mark)?: marks.contains(mark) ? mark : nil
            case .name(let name)?: marks.contains(name) ? name : nil
            default: nil
            }
        if found != nil { place += 1 }
        return found
    }

    /// Parses `a if b else c` or an expression that binds more tightly; nil if the tokens are neither.
    mutating func expression() -> BundleExpression? {
        guard depth < Self.mostDepth else { return nil }
        depth += 1
        defer { depth -= 1 }
        guard let value = disjunction() else { return nil }
        guard take(.name("if")) else { return value }
        guard let condition = disjunction(), take(.name("else")), let other = expression() else { return nil }
        return .choice(condition, value, other)
    }

    private mutating func disjunction() -> BundleExpression? { chain(["or"]) { $0.conjunction() } }

    private mutating func conjunction() -> BundleExpression? { chain(["and"]) { $0.negation() } }

    private mutating func negation() -> BundleExpression? {
        var count = 0
        while take(.name("not")) { count += 1 }
        guard let value = comparison() else { return nil }
        // An even number of `not`s cancels out, but the result is still a Boolean.
        guard count > 0 else { return value }
        let once = BundleExpression.unary("not", value)
        return count % 2 == 1 ? once : .unary("not", once)
    }

    private mutating func comparison() -> BundleExpression? {
        guard let left = sum() else { return nil }
        guard let mark = take(among: ["==", "!=", "<=", ">=", "<", ">", "is"]) else { return left }
        let isNegated = mark == "is" && take(.name("not"))
        guard let right = sum() else { return nil }
        // Python's chained `a < b < c` is not supported; it is not `(a < b) < c`.
        if take(among: ["==", "!=", "<=", ">=", "<", ">", "is"]) != nil { return nil }
        switch mark {
        case "is": return .binary(isNegated ? "!=" : "==", left, right)
        default: return .binary(mark, left, right)
        }
    }

    private mutating func sum() -> BundleExpression? { chain(["+", "-"]) { $0.product() } }

    private mutating func product() -> BundleExpression? { chain(["*", "//", "/", "%"]) { $0.signed() } }

    private mutating func signed() -> BundleExpression? {
        var isNegative = false
        while let sign = take(among: ["-", "+"]) { isNegative = isNegative != (sign == "-") }
        guard let value = power() else { return nil }
        return isNegative ? .unary("-", value) : value
    }

    private mutating func power() -> BundleExpression? {
        guard let base = suffixed() else { return nil }
        guard take(.mark("**")) else { return base }
        guard depth < Self.mostDepth else { return nil }
        depth += 1
        defer { depth -= 1 }
        return signed().map { .binary("**", base, $0) }
    }

    private mutating func chain(
        _ marks: [String], _ part: (inout BundleParser) -> BundleExpression?
    ) -> BundleExpression? {
        guard var value = part(&self) else { return nil }
        var links = 0
        while let mark = take(among: marks) {
            links += 1
            // The tree of a long chain is as deep as the chain is long.
            guard links < 256, let right = part(&self) else { return nil }
            value = .binary(mark, value, right)
        }
        return value
    }

    /// Parses an atom with its suffixes: `[index]`, `.to(…)`.
    private mutating func suffixed() -> BundleExpression? {
        guard var value = atom() else { return nil }
        for _ in 0..<Self.mostDepth {
            if take(.mark("[")) {
                guard let index = expression(), take(.mark("]")) else { return nil }
                value = .item(value, index)
            } else if case .reference = value, take(.mark(".")) {
                // A network on a device is the same network.
                guard take(.name("to")), take(.mark("(")), expression() != nil, take(.mark(")")) else { return nil }
            } else {
                return value
            }
        }
        return nil
    }

    private mutating func atom() -> BundleExpression? {
        guard let token = next else { return nil }
        place += 1
        switch token {
        case .number(let value): return .constant(value)
        case .text(let text): return .constant(.string(text))
        case .reference(let id): return .reference(id)
        case .name(let name): return named(name)
        case .mark("("):
            guard let items = list(until: ")") else { return nil }
            // A single value in parentheses is a tuple only if a comma follows it.
            return items.values.count == 1 && !items.hasComma ? items.values[0] : .list(items.values)
        case .mark("["): return list(until: "]").map { .list($0.values) }
        case .mark("{"): return dictionary()
        case .mark: return nil
        }
    }

    /// Parses a name of `BundleNames`, dotted or not, or a call of one.
    private mutating func named(_ first: String) -> BundleExpression? {
        var name = first
        while take(.mark(".")) {
            guard case .name(let part)? = next else { return nil }
            place += 1
            name += "." + part
        }
        guard take(.mark("(")) else { return BundleNames.value(of: name).map { .constant($0) } }
        if name.hasPrefix(BundleNames.networks) { return component(name) }
        guard BundleNames.calls.contains(name) || BundleNames.fileCalls.contains(name),
            let arguments = list(until: ")", ignoring: BundleNames.ignored(by: name))
        else { return nil }
        guard name != "copy.deepcopy" else { return arguments.values.count == 1 ? arguments.values[0] : nil }
        return .call(name, arguments.values)
    }

    /// Parses the named arguments of a call that builds a network: the call is the component with this `_target_`.
    private mutating func component(_ target: String) -> BundleExpression? {
        var entries: [(BundleExpression, BundleExpression)] = [
            (.constant("_target_"), .constant(.string(target)))
        ]
        while !take(.mark(")")) {
            if entries.count > 1 {
                guard take(.mark(",")) else { return nil }
                if take(.mark(")")) { break }
            }
            guard case .name(let key)? = next, !key.hasPrefix("_") else { return nil }
            place += 1
            guard take(.mark("=")), let value = expression() else { return nil }
            entries.append((.constant(.string(key)), value))
        }
        return .dictionary(entries)
    }

    /// Skips a keyword argument that has no effect here, such as `map_location=@device`; false if the next one is another.
    private mutating func skipNamed(_ names: Set<String>) -> Bool? {
        guard case .name(let name)? = next, names.contains(name), place + 1 < tokens.count,
            tokens[place + 1] == .mark("=")
        else { return false }
        place += 2
        var depth = 0
        while let token = next {
            if case .mark(let mark) = token {
                if depth == 0, mark == "," || mark == ")" { return true }
                if ["(", "[", "{"].contains(mark) { depth += 1 }
                if [")", "]", "}"].contains(mark) { depth -= 1 }
            }
            guard depth >= 0 else { return nil }
            place += 1
        }
        return nil
    }

    private mutating func list(
        until end: String, ignoring names: Set<String> = []
    ) -> (values: [BundleExpression], hasComma: Bool)? {
        var values: [BundleExpression] = []
        var hasComma = false
        while !take(.mark(end)) {
            if !values.isEmpty {
                guard take(.mark(",")) else { return nil }
                hasComma = true
                if take(.mark(end)) { break }
                guard let isSkipped = skipNamed(names) else { return nil }
                if isSkipped { continue }
            }
            guard let value = expression() else { return nil }
            values.append(value)
        }
        return (values, hasComma)
    }

    private mutating func dictionary() -> BundleExpression? {
        var entries: [(BundleExpression, BundleExpression)] = []
        while !take(.mark("}")) {
            if !entries.isEmpty {
                guard take(.mark(",")) else { return nil }
                if take(.mark("}")) { break }
            }
            guard let key = expression(), take(.mark(":")), let value = expression() else { return nil }
            entries.append((key, value))
        }
        return .dictionary(entries)
    }
}

/// The names and calls that expressions may contain.
enum BundleNames {
    /// Functions that compute a value from their arguments and do nothing else.
    static let calls: Set<String> = [
        "len", "int", "float", "str", "bool", "list", "tuple", "min", "max", "sum", "abs", "round", "os.path.join",
        "torch.from_numpy", "torch.device", "numpy.array", "np.array", "range", "copy.deepcopy",
    ]

    /// The beginning of the names of MONAI's networks.
    static let networks = "monai.networks.nets."

    /// Functions of a file of the bundle: whether it exists, and the contents of a checkpoint.
    static let fileCalls: Set<String> = ["os.path.exists", "torch.load"]

    /// Keyword arguments that have no effect here.
    static func ignored(by name: String) -> Set<String> {
        name == "torch.load" ? ["map_location", "weights_only"] : []
    }

    /// The value of a name; nil if the name is not supported.
    static func value(of name: String) -> ConfigValue? {
        switch name {
        case "True": return true
        case "False": return false
        case "None": return .null
        default: break
        }
        let parts = name.split(separator: ".").map(String.init)
        guard parts.count > 1, let last = parts.last else { return nil }
        let module = parts.dropLast().joined(separator: ".")
        let short = ["half": "float16", "float": "float32", "double": "float64"]
        if module == "torch", let type = short[last] { return .string(type) }
        switch module {
        case "torch", "numpy", "np":
            let types = [
                "float16", "float32", "float64", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "bool",
            ]
            return types.contains(last) ? .string(last) : nil
        case "monai.utils.CommonKeys", "monai.utils.enums.CommonKeys", "CommonKeys":
            return ["IMAGE", "LABEL", "PRED", "LOSS", "METADATA"].contains(last) ? .string(last.lowercased()) : nil
        case "monai.data", "monai.data.image_reader":
            return last.hasSuffix("Reader") ? .string(last) : nil
        default: return nil
        }
    }
}
