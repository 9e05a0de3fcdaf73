/// What TotalSegmentator 2.18 finds by which of its models.
public struct TotalSegmentatorTask: Sendable {
    /// How fine the voxels are that the models see.
    public enum Resolution: String, Sendable, CaseIterable {
        /// 1.5 mm.
        case standard
        /// 3 mm.
        case fast
        /// 6 mm.
        case fastest
    }

    /// A model: the number of its dataset, and what is added to its labels.
    struct Part: Sendable {
        let dataset: Int
        let shift: Int
        let labels: Int
    }

    /// `total` of a CT, or `total_mr`.
    public let name: String
    /// How fine the voxels are that the models see.
    let resolution: Resolution
    /// Edges of the voxels that the models see, in mm.
    let edge: Double
    /// The models; where two find something in a voxel, the later one counts.
    let parts: [Part]
    /// The step from a window to the next, as a share of the window.
    let step = 0.8

    /// Names of the tasks that are known.
    public static let names = ["total", "total_mr"]

    /// Finds a task; nil where it is not known, or not in that resolution.
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

    /// The task whose mask says where a subset of organs lies, roughly; nil where there is none.
    var rough: TotalSegmentatorTask? {
        switch name {
        case "total": TotalSegmentatorTask("total", .fastest)
        case "total_mr": TotalSegmentatorTask("total_mr", .fast)
        default: nil
        }
    }
}
