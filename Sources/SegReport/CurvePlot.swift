public import Foundation

/// Curves over a common horizontal axis, such as the training loss and the validation Dice over iterations.
///
/// Curves differ in colour, dashes and markers, so that they can be distinguished in black and white too. Quantities of
/// different kinds have separate panels, one below the other, never a second vertical axis.
public struct CurvePlot: Sendable {
    /// One curve.
    public struct Series: Sendable {
        /// The name of the curve in the legend.
        public var name: String
        /// The x and y values; a value that is not finite interrupts the curve.
        public var points: [(x: Double, y: Double)]
        /// The number of neighbours on each side with which a point is averaged; the raw curve remains faintly visible.
        public var smoothing = 0
        /// The point of the curve that is marked with its value.
        public var mark = Mark.none
        /// The number of the style: colour, dashes and markers. Curves with the same number in several panels belong
        /// together; each curve without a number has its own style.
        public var style: Int?

        /// Creates a curve from points.
        public init(name: String, points: [(x: Double, y: Double)]) {
            self.name = name
            self.points = points
        }
    }

    /// The point of a curve that is marked.
    public enum Mark: Sendable {
        /// No point.
        case none
        /// The highest point.
        case maximum
        /// The lowest point.
        case minimum
    }

    /// The horizontal axis of a panel that does not share the plot's.
    public struct Abscissa: Sendable {
        /// The name of the axis.
        public var label: String
        /// Whether the axis is logarithmic; points at 0 and less are then left out.
        public var logarithmic: Bool

        /// Creates a horizontal axis.
        public init(label: String, logarithmic: Bool = false) {
            self.label = label
            self.logarithmic = logarithmic
        }
    }

    /// A panel: a pair of axes with curves.
    public struct Panel: Sendable {
        /// The name of the vertical axis.
        public var yLabel: String
        /// The curves, in the order of the legend.
        public var series: [Series]
        /// Whether the vertical axis is logarithmic; values of 0 and less are then left out.
        public var logarithmic = false
        /// The values that the vertical axis always includes, such as 0 and 1 for Dice.
        public var including: [Double] = []
        /// The panel's own horizontal axis; nil for the common one.
        public var abscissa: Abscissa?

        /// Creates a panel from curves.
        public init(yLabel: String, series: [Series]) {
            self.yLabel = yLabel
            self.series = series
        }
    }

    /// The title of the figure.
    public var title: String
    /// The subtitle, in grey.
    public var subtitle: String
    /// The name of the common horizontal axis, below the last panel.
    public var xLabel: String
    /// The panels from top to bottom.
    public var panels: [Panel]
    /// The width of the figure in pixels.
    public var width = 1200.0
    /// The height of one panel's axes in pixels.
    public var panelHeight = 300.0

    /// Creates a plot.
    public init(title: String, subtitle: String, xLabel: String, panels: [Panel]) {
        self.title = title
        self.subtitle = subtitle
        self.xLabel = xLabel
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

extension CurvePlot.Series {
    /// The points averaged over equally many neighbours before and after, so that the curve does not lag. Fewer
    /// neighbours are used near the ends and near a gap; gaps remain.
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
