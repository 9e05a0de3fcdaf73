import Foundation
import SegReport
import Testing

@Suite struct BoxPlotTests {
    private func plot(_ boxes: [BoxPlot.Box]) -> BoxPlot {
        BoxPlot(title: "Metrics", subtitle: "a test", panels: [BoxPlot.Panel(yLabel: "Dice", boxes: boxes)])
    }

    /// The rows in which the middle column of a box, one of two side by side, is darkened by box or whisker.
    private func rows(_ plot: BoxPlot, column: Int) throws -> [Int] {
        let raster = try #require(plot.raster())
        return (101..<399).filter { raster[column, $0].red < 60 && raster[column, $0].blue > 120 }
    }

    @Test func whiskersReachToTheLastValueWithinOneAndAHalfBoxes() throws {
        // Quartiles 1 and 3 of 0...4; 40 is far beyond 3 + 1.5 · 2 and is an outlier ring.
        let box = BoxPlot.Box(name: "A", values: [0, 1, 2, 3, 4, 40])
        let other = BoxPlot.Box(name: "B", values: [0, 40])
        let column = 96 + (1200 - 60 - 66) / 4
        let rows = try rows(plot([box, other]), column: column)
        // The ordinate runs from 0 at row 400 to 40 at row 100: the whisker ends at 4, row 370.
        #expect(rows.filter { $0 < 360 }.isEmpty)
        #expect(rows.contains { $0 < 376 })
    }

    @Test(arguments: [[], [0.5], [.nan, .infinity], [1, 1, 1], [-1e9, 1e-9]] as [[Double]])
    func awkwardValuesAreDrawn(_ values: [Double]) throws {
        var box = BoxPlot.Box(name: String(repeating: "a long name ", count: 20), values: values)
        box.undefined = 2
        #expect(try #require(plot([box, box, box]).raster()).width == 1200)
        #expect(BoxPlot(title: "", subtitle: "", panels: []).raster() != nil)
    }

    @Test func filesAreWritten() throws {
        try withFolder { folder in
            var plot = plot([BoxPlot.Box(name: "A", values: [0.8, 0.9])])
            plot.panels += plot.panels + plot.panels
            let png = folder.appendingPathComponent("boxes.png")
            try plot.write(to: png)
            #expect(try pngSize(png) == [1200, 100 + 2 * (300 + 66) + 24])
            #expect(throws: ReportError.self) { try plot.write(to: folder.appendingPathComponent("boxes.pdf")) }
        }
    }
}
