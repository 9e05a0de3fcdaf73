internal import Foundation
public import SegImaging
public import SegInference
internal import SegReport

/// An image of scan, mean and variance side by side.
public struct UncertaintyFigure {
    private let scan: Volume
    private let uncertain: UncertainPrediction
    private let title: String

    /// Creates a figure of the prediction for a scan.
    public init(scan: Volume, uncertain: UncertainPrediction, title: String) {
        self.scan = scan
        self.uncertain = uncertain
        self.title = title
    }

    /// Draws the figure on a slice in patient orientation.
    /// - Parameter path: A file that ends in `.png` or `.svg`.
    /// - Throws: `ReportError` if the file cannot be written.
    public func write(to path: String) throws {
        let orientation = try Orientation(axisCodes: "RAS")
        func oriented(_ values: [Float]) -> [Float] {
            orientation(Volume(voxels: values, size: scan.size, affine: scan.affine)).voxels
        }
        var panel = try UncertaintyPanel(
            title: title, subtitle: "\(uncertain.samples) predictions by MedSeg and how far they disagree",
            image: orientation(scan), mean: oriented(uncertain.map(.mean)),
            variance: oriented(uncertain.map(.variance)),
            validity: oriented(uncertain.validity().map(Float.init)).map { UInt8($0) })
        panel.window = GreyWindow.suiting(scan)
        try panel.write(to: URL(fileURLWithPath: path))
    }
}
