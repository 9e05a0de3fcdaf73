/// A task of TotalSegmentator 2.18, and its models.
public struct TotalSegmentatorTask: Sendable {
    /// The voxel size of the models' input.
    public enum Resolution: String, Sendable, CaseIterable {
        /// 1.5 mm.
        case standard
        /// 3 mm.
        case fast
        /// 6 mm.
        case fastest
    }

    /// A model: the number of its dataset, the number that is added to its labels, and the count of its labels.
    struct Part: Sendable {
        let dataset: Int
        let shift: Int
        let labels: Int
    }

    /// The name of the task: `total` for CT, or `total_mr`.
    public let name: String
    /// The voxel size of the models' input.
    let resolution: Resolution
    /// The edge length of the voxels of the models' input, in mm.
    let edge: Double
    /// The models; if two models label the same voxel, the later label is kept.
    let parts: [Part]
    /// The step from a window to the next, as a share of the window.
    let step = 0.8

    /// The names of the supported tasks.
    public static let names = ["total", "total_mr"]

    /// Finds a task; nil if it is unknown or does not have that resolution.
    public init?(_ name: String, _ resolution: Resolution) {
        func whole(_ dataset: Int, _ edge: Double, labels: Int) -> (Double, [Part]) {
            (edge, [Part(dataset: dataset, shift: 0, labels: labels)])
        }
        (self.name, self.resolution) = (name, resolution)
        switch (name, resolution) {
        case ("total", .standard):
            edge = 1.5
            // Organs, vertebrae, heart and vessels, muscles, ribs.
            parts = [(291, 24), (292, 26), (293, 18), (294, 23), (295, 26)].reduce(into: []) { parts, part in
                let shift = parts.last.map { $0.shift + $0.labels } ?? 0
                parts.append(Part(dataset: part.0, shift: shift, labels: part.1))
            }
        case ("total", .fast): (edge, parts) = whole(297, 3, labels: 117)
        case ("total", .fastest): (edge, parts) = whole(298, 6, labels: 117)
        case ("total_mr", .standard):
            edge = 1.5
            parts = [Part(dataset: 850, shift: 0, labels: 29), Part(dataset: 851, shift: 29, labels: 21)]
        case ("total_mr", .fast): (edge, parts) = whole(852, 3, labels: 50)
        case ("total_mr", .fastest): (edge, parts) = whole(853, 6, labels: 50)
        default: return nil
        }
    }

    /// The coarse task whose mask locates a subset of organs; nil if there is none.
    var rough: TotalSegmentatorTask? {
        switch name {
        case "total": TotalSegmentatorTask("total", .fastest)
        case "total_mr": TotalSegmentatorTask("total_mr", .fast)
        default: nil
        }
    }
}
