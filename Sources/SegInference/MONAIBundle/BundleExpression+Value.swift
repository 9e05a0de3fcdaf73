internal import Foundation
internal import SegCore

/// The lookups of an expression: references, and files of the bundle.
struct BundleLookup {
    /// Follows a value if it is a reference or an expression. Entries of the result may again be references or expressions.
    let follow: (ConfigValue) throws -> ConfigValue
    /// Reads the contents, apart from tensors, of a PyTorch checkpoint in the bundle.
    let checkpoint: (String) throws -> ConfigValue
    /// Whether a file of the bundle exists.
    let exists: (String) throws -> Bool

    func callAsFunction(_ value: ConfigValue) throws -> ConfigValue { try follow(value) }
}

extension BundleExpression {
    /// The reason why an expression has no value.
    struct Fault: Error {
        let reason: String
    }

    /// The value, as Python computes it.
    /// - Parameter follow: The lookups of references and files.
    /// - Throws: `Fault` if Python would raise an error or a value would exceed `Limits`; errors of `follow`.
    func value(_ follow: BundleLookup) throws -> ConfigValue {
        switch self {
        case .constant(let value): return value
        case .reference(let id): return try follow(.string("@" + id))
        case .list(let items): return .array(try items.map { try $0.value(follow) })
        case .dictionary(let entries):
            var object: [String: ConfigValue] = [:]
            for (key, value) in entries {
                guard case .string(let key) = try key.value(follow) else {
                    throw Fault(reason: "a key of a dictionary should be text")
                }
                object[key] = try value.value(follow)
            }
            return .object(object)
        case .unary(let mark, let operand): return try Self.unary(mark, operand.value(follow))
        case .binary(let mark, let left, let right):
            let first = try left.value(follow)
            // As in Python, the second operand is evaluated only if it decides the result.
            if mark == "and" { return try Self.isTruthy(first) ? right.value(follow) : first }
            if mark == "or" { return try Self.isTruthy(first) ? first : right.value(follow) }
            return try Self.binary(mark, first, right.value(follow))
        case .choice(let condition, let yes, let no):
            return try Self.isTruthy(condition.value(follow)) ? yes.value(follow) : no.value(follow)
        case .item(let whole, let index): return try follow(Self.item(whole.value(follow), index.value(follow)))
        case .call(let name, let arguments):
            let values = try arguments.map { try $0.value(follow) }
            guard BundleNames.fileCalls.contains(name) else { return try Self.call(name, values) }
            guard values.count == 1, case .string(let path) = values[0] else {
                throw Fault(reason: "\(name) takes a path")
            }
            return name == "os.path.exists" ? .bool(try follow.exists(path)) : try follow.checkpoint(path)
        }
    }

    /// Whether a value is true in Python.
    private static func isTruthy(_ value: ConfigValue) throws -> Bool {
        guard BundleArray.items(of: value) == nil else {
            throw Fault(reason: "an array of NumPy is neither true nor false; use its len")
        }
        return BundleComponent.isTruthy(value)
    }

    private static func unary(_ mark: String, _ operand: ConfigValue) throws -> ConfigValue {
        if mark == "not" { return .bool(try !isTruthy(operand)) }
        switch operand {
        case .int(let number):
            guard number != .min else { break }
            return .int(-number)
        case .double(let number): return .double(-number)
        default: break
        }
        throw Fault(reason: "\(shown(operand)) has no negative")
    }

    private static func binary(_ mark: String, _ left: ConfigValue, _ right: ConfigValue) throws -> ConfigValue {
        switch mark {
        case "==": return .bool(try isEqual(left, right))
        case "!=": return .bool(try !isEqual(left, right))
        case "+":
            if case (.string(let a), .string(let b)) = (left, right) { return .string(try limited(a + b)) }
            if case (.array(let a), .array(let b)) = (left, right) { return .array(try limited(a + b)) }
        case "*":
            if case (.array(let items), .int(let count)) = (left, right) { return .array(try repeated(items, count)) }
            if case (.int(let count), .array(let items)) = (left, right) { return .array(try repeated(items, count)) }
        default: break
        }
        if let comparison = compare(mark, left, right) { return .bool(comparison) }
        if case (.int(let a), .int(let b)) = (left, right), let whole = try whole(mark, a, b) { return .int(whole) }
        guard let a = left.number, let b = right.number else {
            throw Fault(reason: "\(shown(left)) \(mark) \(shown(right)) is not defined")
        }
        return .double(try real(mark, a, b))
    }

    /// Whether two values are equal. Lists are not compared: references can repeat a list so often that it would take too
    /// long.
    private static func isEqual(_ left: ConfigValue, _ right: ConfigValue) throws -> Bool {
        if let a = left.number, let b = right.number { return a == b }
        let hasArray = [left, right].contains { BundleArray.items(of: $0) != nil }
        guard !hasArray || left == .null || right == .null else {
            throw Fault(reason: "arrays of NumPy are compared element by element, which is not computed")
        }
        guard !isGroup(left) || !isGroup(right) else { throw Fault(reason: "lists and dictionaries are not compared") }
        return !isGroup(left) && !isGroup(right) && left == right
    }

    private static func isGroup(_ value: ConfigValue) -> Bool {
        switch value {
        case .array, .object: true
        default: false
        }
    }

    /// A value as an error shows it. Lists are not written out: references can repeat a list so often that the text would be
    /// too long.
    private static func shown(_ value: ConfigValue) -> String {
        switch value {
        case _ where BundleArray.items(of: value) != nil: "an array of NumPy"
        case .array: "a list"
        case .object: "a dictionary"
        default: value.description
        }
    }

    private static func compare(_ mark: String, _ left: ConfigValue, _ right: ConfigValue) -> Bool? {
        guard let a = left.number, let b = right.number else { return nil }
        switch mark {
        case "<": return a < b
        case ">": return a > b
        case "<=": return a <= b
        case ">=": return a >= b
        default: return nil
        }
    }

    /// The result of integer arithmetic; nil if the result is not an integer.
    private static func whole(_ mark: String, _ a: Int, _ b: Int) throws -> Int? {
        let result: (partialValue: Int, overflow: Bool)
        switch mark {
        case "+": result = a.addingReportingOverflow(b)
        case "-": result = a.subtractingReportingOverflow(b)
        case "*": result = a.multipliedReportingOverflow(by: b)
        case "//", "%":
            guard b != 0 else { throw Fault(reason: "a division by 0") }
            let (quotient, remainder) = (a.dividedReportingOverflow(by: b), a.remainderReportingOverflow(dividingBy: b))
            // Python rounds down, and a remainder has the divisor's sign.
            let isMixed = remainder.partialValue != 0 && (remainder.partialValue < 0) != (b < 0)
            let value =
                mark == "//" ? quotient.partialValue - (isMixed ? 1 : 0) : remainder.partialValue + (isMixed ? b : 0)
            result = (value, quotient.overflow)
        case "**":
            guard b >= 0, b < 64 else { return nil }
            result = (0..<b).reduce((1, false)) { power, _ in
                let next = power.0.multipliedReportingOverflow(by: a)
                return (next.partialValue, power.1 || next.overflow)
            }
        default: return nil
        }
        guard !result.overflow else { throw Fault(reason: "\(a) \(mark) \(b) is too large") }
        return result.partialValue
    }

    private static func real(_ mark: String, _ a: Double, _ b: Double) throws -> Double {
        switch mark {
        case "+": return a + b
        case "-": return a - b
        case "*": return a * b
        case "**": return pow(a, b)
        case "/", "//", "%":
            guard b != 0 else { throw Fault(reason: "a division by 0") }
            return mark == "/" ? a / b : mark == "//" ? (a / b).rounded(.down) : a - (a / b).rounded(.down) * b
        default: throw Fault(reason: "'\(mark)' is not supported")
        }
    }

    private static func item(_ whole: ConfigValue, _ index: ConfigValue) throws -> ConfigValue {
        if let items = BundleArray.items(of: whole) { return try item(.array(items), index) }
        switch (whole, index) {
        case (.array(let items), .int(let place)):
            let found = place < 0 ? place + items.count : place
            guard items.indices.contains(found) else {
                throw Fault(reason: "a list of \(items.count) has no item \(place)")
            }
            return items[found]
        case (.object(let entries), .string(let key)):
            guard let value = entries[key] else { throw Fault(reason: "there is no key '\(key)'") }
            return value
        default: throw Fault(reason: "\(shown(whole)) has no item \(shown(index))")
        }
    }

    private static func call(_ name: String, _ arguments: [ConfigValue]) throws -> ConfigValue {
        if name == "os.path.join" { return .string(try limited(joined(arguments))) }
        if name == "min" || name == "max" {
            let list = if case .array(let items)? = arguments.first, arguments.count == 1 { items } else { arguments }
            guard let first = list.first, list.allSatisfy({ $0.number != nil }) else {
                throw Fault(reason: "\(name) takes numbers")
            }
            return list.dropFirst().reduce(first) { best, value in
                let (a, b) = (best.number ?? 0, value.number ?? 0)
                return (name == "min" ? b < a : b > a) ? value : best
            }
        }
        if name == "range" { return .array(try range(arguments)) }
        guard arguments.count == 1 else { throw Fault(reason: "\(name) takes one value") }
        return try call(name, arguments[0])
    }

    /// The integers from the first to below the second argument, or from 0 to below the only one.
    private static func range(_ arguments: [ConfigValue]) throws -> [ConfigValue] {
        let bounds = arguments.compactMap { if case .int(let number) = $0 { number } else { nil } }
        guard bounds.count == arguments.count, let end = bounds.last, bounds.count <= 2 else {
            throw Fault(reason: "range takes one or two integers")
        }
        let start = bounds.count == 2 ? bounds[0] : 0
        guard start < end else { return [] }
        let (count, overflow) = end.subtractingReportingOverflow(start)
        guard !overflow, count <= Limits.documentNodes else { throw Fault(reason: "a list is too long") }
        return (start..<end).map(ConfigValue.int)
    }

    private static func call(_ name: String, _ value: ConfigValue) throws -> ConfigValue {
        if ["len", "list", "tuple"].contains(name), let items = BundleArray.items(of: value) {
            return try call(name, .array(items))
        }
        switch (name, value) {
        case ("len", .array(let items)): return .int(items.count)
        case ("len", .object(let entries)): return .int(entries.count)
        case ("len", .string(let text)): return .int(text.unicodeScalars.count)
        case ("list", .array), ("tuple", .array): return value
        case ("torch.from_numpy", _), ("numpy.array", _), ("np.array", _):
            let array = BundleArray.made(of: value)
            if BundleArray.items(of: array) != nil { return array }
        case ("torch.device", .string): return value
        case ("bool", _): return .bool(try isTruthy(value))
        case ("str", .string): return value
        case ("str", .int(let number)): return .string(String(number))
        case ("abs", .int(let number)) where number != .min: return .int(abs(number))
        case ("abs", .double(let number)): return .double(abs(number))
        case ("float", _): if let number = value.number { return .double(number) }
        case ("int", _), ("round", _):
            let rule: FloatingPointRoundingRule = name == "int" ? .towardZero : .toNearestOrEven
            if let number = value.number, let whole = Int(exactly: number.rounded(rule)) { return .int(whole) }
        case ("sum", .array(let items)):
            return try items.reduce(.int(0)) { try binary("+", $0, $1) }
        default: break
        }
        throw Fault(reason: "\(name)(\(shown(value))) is not defined")
    }

    private static func joined(_ parts: [ConfigValue]) throws -> String {
        try parts.reduce("") { path, part in
            guard case .string(let text) = part else { throw Fault(reason: "a path is made of texts") }
            return path.isEmpty || text.hasPrefix("/") ? text : path.hasSuffix("/") ? path + text : path + "/" + text
        }
    }

    private static func repeated(_ items: [ConfigValue], _ count: Int) throws -> [ConfigValue] {
        guard count > 0, !items.isEmpty else { return [] }
        guard count <= Limits.documentNodes / items.count else { throw Fault(reason: "a list is too long") }
        return (0..<count).flatMap { _ in items }
    }

    private static func limited(_ text: String) throws -> String {
        guard text.utf8.count <= Limits.expressionCharacters else {
            throw Fault(
                reason: "a text is longer than \(Limits.expressionCharacters) characters once it is written out")
        }
        return text
    }

    private static func limited(_ items: [ConfigValue]) throws -> [ConfigValue] {
        guard items.count <= Limits.documentNodes else { throw Fault(reason: "a list is too long") }
        return items
    }
}
