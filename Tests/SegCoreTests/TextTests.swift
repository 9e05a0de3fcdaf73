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
