import Foundation

extension BoxPlot {
    private static let margin = 30.0
    private static let axis = 66.0
    private static let gap = 26.0
    private static let header = 100.0
    private static let footer = 66.0

    func figure() -> Figure {
        let columns = min(max(panels.count, 1), 2)
        let rows = (panels.count + columns - 1) / columns
        let cell = (width - 2 * Self.margin - Double(columns - 1) * Self.gap) / Double(columns)
        let height = Self.header + Double(max(rows, 1)) * (panelHeight + Self.footer) + 24
        return Figure(width: width, height: height, ground: .paper) { canvas, _ in
            canvas.text(title, at: Point(x: Self.margin, y: 42), size: 22, .ink, bold: true)
            canvas.text(subtitle, at: Point(x: Self.margin, y: 66), size: 14, .quietInk)
            for (number, panel) in panels.enumerated() {
                let x = Self.margin + Double(number % columns) * (cell + Self.gap) + Self.axis
                let y = Self.header + Double(number / columns) * (panelHeight + Self.footer)
                BoxPanelDrawing(
                    panel: panel, area: Rectangle(x: x, y: y, width: cell - Self.axis, height: panelHeight)
                ).draw(on: canvas)
            }
        }
    }
}

/// The drawing of a panel: a pair of axes with boxes.
private struct BoxPanelDrawing {
    let panel: BoxPlot.Panel
    let area: Rectangle
    let ordinate: AxisScale

    init(panel: BoxPlot.Panel, area: Rectangle) {
        self.panel = panel
        self.area = area
        ordinate = AxisScale(
            showing: panel.boxes.flatMap(\.values), logarithmic: false, widened: true,
            tickCount: max(3, Int(area.height / 60)))
    }

    func draw(on canvas: Canvas) {
        for tick in ordinate.ticks {
            let y = height(tick).rounded() + 0.5
            canvas.line(Point(x: area.x, y: y), Point(x: area.maxX, y: y), .paperGrid)
            canvas.text(ordinate.label(tick), at: Point(x: area.x - 10, y: y + 5), size: 13, .quietInk, anchor: .end)
        }
        canvas.stroke(area, .quietInk, width: 1)
        canvas.textUpwards(panel.yLabel, at: Point(x: area.x - 56, y: area.middle.y), size: 14, .ink)
        let room = area.width / Double(max(panel.boxes.count, 1))
        for (number, box) in panel.boxes.enumerated() {
            let middle = area.x + (Double(number) + 0.5) * room
            draw(box, SeriesStyle(number), at: middle, halfWidth: min(room * 0.3, 46), on: canvas)
            let name = canvas.shortened(box.name, to: room - 8, size: 14)
            canvas.text(name, at: Point(x: middle, y: area.maxY + 20), size: 14, .ink, anchor: .middle)
            let count = box.values.count { $0.isFinite }
            let without = box.undefined > 0 ? ", \(box.undefined) without" : ""
            canvas.text(
                "n = \(count)\(without)", at: Point(x: middle, y: area.maxY + 38), size: 12, .quietInk,
                anchor: .middle)
        }
    }

    private func height(_ value: Double) -> Double { area.maxY - (ordinate.position(value) ?? 0) * area.height }

    private func draw(
        _ box: BoxPlot.Box, _ style: SeriesStyle, at x: Double, halfWidth: Double, on canvas: Canvas
    ) {
        guard let statistics = box.statistics else { return }
        let frame = Rectangle(
            x: x - halfWidth, y: height(statistics.upper), width: 2 * halfWidth,
            height: height(statistics.lower) - height(statistics.upper))
        for (from, to) in [
            (statistics.upper, statistics.whiskers.upperBound), (statistics.lower, statistics.whiskers.lowerBound),
        ] {
            let end = height(to)
            canvas.line(Point(x: x, y: height(from)), Point(x: x, y: end), style.colour, width: 1.5)
            canvas.line(
                Point(x: x - halfWidth / 2, y: end), Point(x: x + halfWidth / 2, y: end), style.colour, width: 1.5)
        }
        canvas.fill(frame, style.colour, alpha: 0.14)
        canvas.stroke(frame, style.colour, width: 1.8)
        for (number, value) in box.values.enumerated() where value.isFinite {
            // The rings are spread by the golden ratio, so that equal values do not hide each other.
            let share = (Double(number) * 0.618_033_988_75).truncatingRemainder(dividingBy: 1) - 0.5
            canvas.mark(.ring, Point(x: x + share * halfWidth * 1.2, y: height(value)), size: 2.6, style.colour)
        }
        let median = height(statistics.median)
        canvas.line(
            Point(x: frame.x, y: median), Point(x: frame.maxX, y: median), style.colour, width: 3.5)
        let mean = Point(x: x, y: height(statistics.mean))
        canvas.mark(.diamond, mean, size: 6.5, .paper)
        canvas.mark(.diamond, mean, size: 4.6, .ink)
    }
}
