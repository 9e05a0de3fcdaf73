import Foundation

/// A plot axis: the shown range, linear or logarithmic, and its tick values.
struct AxisScale {
    let lower: Double
    let upper: Double
    let logarithmic: Bool
    let ticks: [Double]

    /// Creates an axis that shows all values, extended to whole ticks if `widened`; a logarithmic axis ignores values
    /// of 0 and less.
    init(showing values: [Double], logarithmic: Bool, widened: Bool, tickCount: Int) {
        let shown = values.filter { $0.isFinite && (!logarithmic || $0 > 0) }
        let low = shown.min() ?? (logarithmic ? 0.1 : 0)
        let high = shown.max() ?? 1
        self.logarithmic = logarithmic
        if logarithmic {
            (lower, upper, ticks) = Self.decades(low, high)
        } else {
            (lower, upper, ticks) = Self.linear(low, high, widened, tickCount)
        }
    }

    /// The position on the axis, 0 at the lower end and 1 at the upper; `nil` for a value that the axis cannot show.
    func position(_ value: Double) -> Double? {
        guard value.isFinite, !logarithmic || value > 0 else { return nil }
        if logarithmic { return log10(value / lower) / log10(upper / lower) }
        return (value - lower) / (upper - lower)
    }

    /// The label of a tick with as many decimals as the ticks need.
    func label(_ tick: Double) -> String {
        if logarithmic { return tick >= 1e4 || tick < 1e-3 ? String(format: "%.0e", tick) : String(format: "%g", tick) }
        let step = ticks.count > 1 ? ticks[1] - ticks[0] : 1
        let upTo = max(abs(lower), abs(upper))
        if upTo >= 10_000 { return thousands(tick) }
        if upTo < 1e-3 { return String(format: "%.1e", tick) }
        let decimals = max(0, Int((-log10(step) + 0.999).rounded(.down)))
        return String(format: "%.\(decimals)f", tick)
    }

    private func thousands(_ value: Double) -> String {
        value == 0 ? "0" : String(format: "%gk", (value / 10).rounded() / 100)
    }

    /// An axis with ticks at 1, 2 or 5 times a power of ten.
    private static func linear(
        _ low: Double, _ high: Double, _ widened: Bool, _ tickCount: Int
    ) -> (Double, Double, [Double]) {
        guard high > low else {
            // A single value is in the middle of the axis; a single 0 is at its lower end.
            let room = abs(high) / 10
            return room > 0 ? linear(low - room, high + room, true, tickCount) : linear(0, 1, true, tickCount)
        }
        // A step that is rounded up may leave too few ticks to read values; then the next smaller step is used.
        let enough = min(tickCount, 4)
        let steps = (max(tickCount, 1)...(4 * max(tickCount, 1))).lazy.map { niceStep((high - low) / Double($0)) }
        let axes = steps.map { axis(low, high, widened, step: $0) }
        return axes.first { $0.2.count >= enough } ?? axis(low, high, widened, step: (high - low) / 4)
    }

    private static func axis(
        _ low: Double, _ high: Double, _ widened: Bool, step: Double
    ) -> (Double, Double, [Double]) {
        let first = (low / step).rounded(widened ? .down : .up)
        let last = (high / step).rounded(widened ? .up : .down)
        let ticks = stride(from: first, through: last, by: 1).map { $0 * step }
        return widened ? (first * step, last * step, ticks) : (low, high, ticks)
    }

    private static func niceStep(_ rough: Double) -> Double {
        let power = pow(10, log10(rough).rounded(.down))
        let scaled = rough / power
        return (scaled <= 1 ? 1 : scaled <= 2 ? 2 : scaled <= 5 ? 5 : 10) * power
    }

    /// An axis with ticks at powers of ten, and at 2 and 5 times these if there are few.
    private static func decades(_ low: Double, _ high: Double) -> (Double, Double, [Double]) {
        let first = Int(log10(low).rounded(.down))
        let last = max(Int(log10(high).rounded(.up)), first + 1)
        let factors: [Double] = last - first <= 3 ? [1, 2, 5] : [1]
        let every = max(1, (last - first) / 6)
        let candidates = stride(from: first, through: last, by: every).flatMap { power in
            factors.map { $0 * pow(10, Double(power)) }
        }
        let lower = candidates.last { $0 <= low * 1.0000001 } ?? pow(10, Double(first))
        let upper = candidates.first { $0 >= high * 0.9999999 && $0 > lower } ?? pow(10, Double(last))
        return (lower, upper, candidates.filter { $0 >= lower && $0 <= upper })
    }
}
