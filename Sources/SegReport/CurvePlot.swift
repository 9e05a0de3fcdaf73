public import Foundation

/// Curves over a common abscissa, such as the training loss and the validation Dice over iterations.
///
/// Curves differ in colour, dashes and markers, so that they are told apart in black and white too.
/// Quantities of different kind stand in panels of their own, one below the other, never on a second ordinate.
public struct CurvePlot: Sendable {
    /// One curve.
    public struct Series: Sendable {
        /// What the legend calls it.
        public var name: String
        /// Abscissae and ordinates; a value that is not finite interrupts the curve.
        public var points: [(x: Double, y: Double)]
        /// How many neighbours on either side a point is averaged with; the raw curve stays faintly visible.
        public var smoothing = 0
        /// Marks one point of the curve with its value.
        public var mark = Mark.none
        /// Which colour, dashes and markers it has; curves of one number in several panels belong together. Curves
        /// without a number are told apart from every other.
        public var style: Int?

        /// Makes a curve of points.
        public init(name: String, points: [(x: Double, y: Double)]) {
            self.name = name
            self.points = points
        }
    }

    /// Which point of a curve is marked.
    public enum Mark: Sendable {
        /// None.
        case none
        /// The highest.
        case maximum
        /// The lowest.
        case minimum
    }

    /// The horizontal axis of a panel that does not share the plot's.
    public struct Abscissa: Sendable {
        /// Its name.
        public var label: String
        /// Whether it is logarithmic; points at 0 and less are then left out.
        public var logarithmic: Bool

        /// Makes an abscissa.
        public init(label: String, logarithmic: Bool = false) {
            self.label = label
            self.logarithmic = logarithmic
        }
    }

    /// One pair of axes.
    public struct Panel: Sendable {
        /// Name of the ordinate.
        public var yLabel: String
        /// The curves, in the order of the legend.
        public var series: [Series]
        /// Whether the ordinate is logarithmic; values of 0 and less are then left out.
        public var logarithmic = false
        /// Values that the ordinate shows at least, such as 0 and 1 for Dice.
        public var including: [Double] = []
        /// The panel's own abscissa; nil for the one that the panels have in common.
        public var abscissa: Abscissa?

        /// Makes a panel of curves.
        public init(yLabel: String, series: [Series]) {
            self.yLabel = yLabel
            self.series = series
        }
    }

    /// Headline of the figure.
    public var title: String
    /// A quiet line under the headline.
    public var subtitle: String
    /// Name of the common abscissa, below the last panel.
    public var xLabel: String
    /// The panels from top to bottom.
    public var panels: [Panel]
    /// Width of the figure in pixels.
    public var width = 1200.0
    /// Height of one panel's axes in pixels.
    public var panelHeight = 300.0

    /// Makes a plot.
    public init(title: String, subtitle: String, xLabel: String, panels: [Panel]) {
        self.title = title
        self.subtitle = subtitle
        self.xLabel = xLabel
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

extension CurvePlot.Series {
    /// Means over as many points before as after, so that the curve lags behind nothing: fewer towards the ends and beside
    /// a break, which stays a break.
    package var smoothed: [(x: Double, y: Double)] {
        guard smoothing > 0 else { return points }
        return points.indices.map { index in
            let point = points[index]
            guard point.y.isFinite else { return point }
            var (reach, sum) = (0, point.y)
            while reach < smoothing, let before = finite(index - reach - 1), let after = finite(index + reach + 1) {
                sum += before + after
                reach += 1
            }
            return (point.x, sum / Double(2 * reach + 1))
        }
    }

    private func finite(_ index: Int) -> Double? {
        points.indices.contains(index) && points[index].y.isFinite ? points[index].y : nil
    }

    /// The marked point, on the raw curve.
    var marked: (x: Double, y: Double)? {
        let finite = points.filter(\.y.isFinite)
        switch mark {
        case .none: return nil
        case .maximum: return finite.max { $0.y < $1.y }
        case .minimum: return finite.min { $0.y < $1.y }
        }
    }
}
