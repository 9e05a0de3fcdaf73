public import Foundation

/// A box plot of values, such as a metric of several models over cases, with a pair of axes for each quantity.
///
/// A box extends from the first to the third quartile, with the median as a thick line and the mean as a diamond.
/// Whiskers extend to the last value within 1.5 box lengths. Every value is a small ring.
public struct BoxPlot: Sendable {
    /// The values of one box.
    public struct Box: Sendable {
        /// The name below the box.
        public var name: String
        /// The values of the box; values that are not finite are left out.
        public var values: [Double]
        /// The number of cases without a value, shown in the label.
        public var undefined = 0

        /// Creates a box from values.
        public init(name: String, values: [Double]) {
            self.name = name
            self.values = values
        }
    }

    /// A panel for one quantity.
    public struct Panel: Sendable {
        /// The name of the vertical axis.
        public var yLabel: String
        /// The boxes from left to right.
        public var boxes: [Box]

        /// Creates a panel from boxes.
        public init(yLabel: String, boxes: [Box]) {
            self.yLabel = yLabel
            self.boxes = boxes
        }
    }

    /// The title of the figure.
    public var title: String
    /// The subtitle, in grey.
    public var subtitle: String
    /// The panels, two in a row.
    public var panels: [Panel]
    /// The width of the figure in pixels.
    public var width = 1200.0
    /// The height of one panel's axes in pixels.
    public var panelHeight = 300.0

    /// Creates a plot.
    public init(title: String, subtitle: String, panels: [Panel]) {
        self.title = title
        self.subtitle = subtitle
        self.panels = panels
    }

    /// Draws the plot into a .png or .svg file, replacing an existing file in one step.
    /// - Throws: `ReportError` if the file has another extension or cannot be written.
    public func write(to file: URL) throws {
        try figure().write(to: file)
    }

    /// The figure's pixels, for use without a file.
    package func raster() -> Raster? { figure().raster() }
}

extension BoxPlot.Box {
    /// The statistics from which a box is drawn.
    struct Statistics: Equatable {
        var lower: Double
        var median: Double
        var upper: Double
        /// The last values within 1.5 box lengths.
        var whiskers: ClosedRange<Double>
        var mean: Double
    }

    /// The statistics of the finite values; `nil` if there are none.
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
