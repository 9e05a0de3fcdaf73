internal import SegCore

/// A function that turns overlapping regions into class numbers: a `Lambda` of nested `torch.where`, as in MONAI's bundle
/// for brain tumours.
///
/// `lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, 0))` gives 4 where channel 2 is set; elsewhere 1 where
/// channel 0 is set, and 0 where neither is.
struct RegionPainting {
    /// The regions in the order of painting; a later one overwrites an earlier one.
    let paints: [MaskPlan.Paint]

    init(_ paints: [MaskPlan.Paint]) { self.paints = paints }

    /// Parses a function, with or without its `$`; nil if it has another form.
    init?(_ text: String) {
        var rest = Substring(text.filter { !$0.isWhitespace })
        func take(_ word: String) -> Bool {
            guard rest.hasPrefix(word) else { return false }
            rest = rest.dropFirst(word.count)
            return true
        }
        func number() -> Int? {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest[digits.endIndex...]
            return Int(digits)
        }
        _ = take("$")
        guard take("lambdax:") else { return nil }
        var paints: [MaskPlan.Paint] = []
        while take("torch.where(x[[") {
            guard let channel = number(), take("]]>0,"), let label = number().flatMap(UInt8.init(exactly:)), take(","),
                paints.count < ModelDescription.mostClasses, label < ModelDescription.mostClasses
            else { return nil }
            paints.append(MaskPlan.Paint(channel: channel, label: label))
        }
        guard !paints.isEmpty, take("0"), rest == String(repeating: ")", count: paints.count)[...] else { return nil }
        self.paints = paints.reversed()
    }

    /// The function as MONAI's expression.
    var expression: String {
        "$lambda x: "
            + paints.reduce("0") { inner, paint in "torch.where(x[[\(paint.channel)]] > 0, \(paint.label), \(inner))" }
    }
}
