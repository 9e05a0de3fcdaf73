public import Foundation

/// Boxes of values, such as a metric of several models over cases, a pair of axes for each quantity.
///
/// A box reaches from the first to the third quartile with the median as a thick line and the mean as a diamond; whiskers
/// reach to the last value within 1.5 box lengths; every value is a small ring.
public struct BoxPlot: Sendable {
    /// The values of one box.
    public struct Box: Sendable {
        /// What stands below it.
        public var name: String
        /// What is drawn; values that are not finite are left out.
        public var values: [Double]
        /// Cases without a value, which the label counts.
        public var undefined = 0

        /// Makes a box of values.
        public init(name: String, values: [Double]) {
            self.name = name
            self.values = values
        }
    }

    /// One quantity.
    public struct Panel: Sendable {
        /// Name of the ordinate.
        public var yLabel: String
        /// Boxes from left to right.
        public var boxes: [Box]

        /// Makes a panel of boxes.
        public init(yLabel: String, boxes: [Box]) {
            self.yLabel = yLabel
            self.boxes = boxes
        }
    }

    /// Headline of the figure.
    public var title: String
    /// A quiet line under the headline.
    public var subtitle: String
    /// The panels, two in a row.
    public var panels: [Panel]
    /// Width of the figure in pixels.
    public var width = 1200.0
    /// Height of one panel's axes in pixels.
    public var panelHeight = 300.0

    /// Makes a plot.
    public init(title: String, subtitle: String, panels: [Panel]) {
        self.title = title
        self.subtitle = subtitle
        self.panels = panels
    }

    /// Draws the plot into a .png or .svg file, replacing what was there in one step.
    /// - Throws: `ReportError` when the ending is neither or the file cannot be written.
    public func write(to file: URL) throws {
        try figure().write(to: file)
    }

    /// The figure's pixels, for what does not want a file.
    package func raster() -> Raster? { figure().raster() }
}

extension BoxPlot.Box {
    /// What a box is drawn from.
    struct Statistics: Equatable {
        var lower: Double
        var median: Double
        var upper: Double
        /// The last values within 1.5 box lengths.
        var whiskers: ClosedRange<Double>
        var mean: Double
    }

    /// `nil` without a finite value.
    var statistics: Statistics? {
        let sorted = values.filter(\.isFinite).sorted()
        guard let last = sorted.indices.last else { return nil }
        func quantile(_ share: Double) -> Double {
            let rank = share * Double(last)
            let below = Int(rank)
            return sorted[below] + (sorted[min(below + 1, last)] - sorted[below]) * (rank - Double(below))
        }
        let (lower, upper) = (quantile(0.25), quantile(0.75))
        let reach = 1.5 * (upper - lower)
        let least = min(sorted.first { $0 >= lower - reach } ?? lower, lower)
        let greatest = max(sorted.last { $0 <= upper + reach } ?? upper, upper)
        return Statistics(
            lower: lower, median: quantile(0.5), upper: upper, whiskers: least...greatest,
            mean: sorted.reduce(0, +) / Double(sorted.count))
    }
}
