internal import SegMetrics
public import SegReport

extension MetricsDocument {
    /// The metrics that a box plot shows.
    private static let drawn: [Metric] = [
        .dice, .hausdorffPercentileMM, .surfaceDice, .averageSurfaceDistanceMM, .recall, .volumeErrorML,
    ]

    /// A box plot of the metrics of a class: one panel per metric, with one box per document.
    /// - Parameters:
    ///   - name: The class.
    ///   - documents: The documents, one per model.
    ///   - titles: The names of the boxes, in the order of the documents.
    public static func boxPlot(of name: String, _ documents: [MetricsDocument], titles: [String]) -> BoxPlot {
        let panels = drawn.map { metric in
            let boxes = zip(documents, titles).map { document, title in
                let rows = document.cases.flatMap(\.classes).filter { $0.name == name }
                let values = rows.map { metric.value(of: $0.metrics) }
                var box = BoxPlot.Box(name: title, values: values.compactMap { $0 })
                box.undefined = values.count { $0 == nil }
                return box
            }
            return BoxPlot.Panel(yLabel: metric.title, boxes: boxes)
        }
        let counts = Set(documents.map(\.cases.count)).sorted()
        let cases = counts.map(String.init).joined(separator: " and ") + (counts == [1] ? " case" : " cases")
        return BoxPlot(
            title: "Metrics of \(name)",
            subtitle: "over \(cases)  ·  box: quartiles, line: median, diamond: mean, rings: cases",
            panels: panels)
    }
}
