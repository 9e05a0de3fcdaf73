internal import Foundation

extension Double {
    /// The number with `decimals` decimals; with three significant digits if it is too small for them, or at least 1e9.
    ///
    /// `1.234.text(decimals: 1)` is `1.2`, and `0.00012.text(decimals: 1)` is `0.00012`.
    public func text(decimals: Int) -> String {
        let isFixed = self == 0 || !isFinite || abs(self) >= pow(10, Double(1 - decimals)) && abs(self) < 1e9
        return String(format: isFixed ? "%.\(decimals)f" : "%.3g", self)
    }
}
