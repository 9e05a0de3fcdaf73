/// Medians and percentiles as NumPy computes them, to the last bit.
package enum OrderStatistics {
    /// The middle value, or the mean of the two middle values; `numpy.median`.
    package static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The value below which a percentage of all values lies, interpolated linearly; `numpy.percentile`.
    /// - Parameter percent: From 0 to 100.
    package static func percentile(_ percent: Double, of values: [Double]) -> Double {
        let sorted = values.sorted()
        let (below, share) = place(percent, count: sorted.count)
        return between(sorted[below], sorted[min(below + 1, sorted.count - 1)], share)
    }

    /// The position of a percentile among sorted values: the index below it, and the fraction of the way to the next index.
    static func place(_ percent: Double, count: Int) -> (below: Int, share: Double) {
        let place = Double(count - 1) * (percent / 100)
        return (Int(place.rounded(.down)), place - place.rounded(.down))
    }

    /// A value between two others, computed from the nearer one.
    static func between<Value: BinaryFloatingPoint>(_ low: Value, _ high: Value, _ share: Double) -> Double {
        let step = Double(high - low)
        return share >= 0.5 ? Double(high) - step * (1 - share) : Double(low) + step * share
    }
}
