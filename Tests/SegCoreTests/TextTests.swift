import SegCore
import Testing

/// Numbers that fixed decimals would round to nothing get three digits.
@Test(
    arguments: [
        (0, 1, "0.0"), (1.234, 1, "1.2"), (0.14, 1, "0.14"), (0.00012, 1, "0.00012"), (-0.004, 2, "-0.004"),
        (123.456, 2, "123.46"), (1e9, 1, "1e+09"), (999_999_999, 0, "999999999"), (.infinity, 1, "inf"),
        (.nan, 2, "nan"),
    ] as [(Double, Int, String)])
func numbersAsText(_ value: Double, _ decimals: Int, _ text: String) {
    #expect(value.text(decimals: decimals) == text)
}

/// A character may have any number of scalars; a message has a few.
@Test func whatAMessageQuotesIsShort() {
    #expect("a name".beginning(6) == "a name" && "a name".beginning(3) == "a n…")
    let family = String(repeating: "\u{1F469}\u{200D}", count: 100_000)
    #expect(family.beginning(40).utf8.count <= 4 * 40 + 3)
    #expect((0..<300_000).map { "k\($0)" }.shortList() == "k0, k1, k2, k3, k4, and 299995 more")
    #expect([family].shortList().utf8.count <= 4 * 160 + 3)
}
