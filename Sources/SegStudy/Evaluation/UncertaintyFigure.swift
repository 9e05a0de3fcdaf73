internal import Foundation
public import SegImaging
public import SegInference
internal import SegReport

/// Scan, mean and variance side by side, as a picture.
public struct UncertaintyFigure {
    private let scan: Volume
    private let uncertain: UncertainPrediction
    private let title: String

    /// A figure of what was predicted of a scan.
    public init(scan: Volume, uncertain: UncertainPrediction, title: String) {
        self.scan = scan
        self.uncertain = uncertain
        self.title = title
    }

    /// Draws the figure on a slice in patient orientation.
    /// - Parameter path: A file that ends in `.png` or `.svg`.
    /// - Throws: `ReportError` where the file cannot be written.
    public func write(to path: String) throws {
        let turn = try Orientation(axisCodes: "RAS")
        func turned(_ values: [Float]) -> [Float] {
            turn(Volume(voxels: values, size: scan.size, affine: scan.affine)).voxels
        }
        let samples = uncertain.samples
        try UncertaintyPanel(
            title: title, subtitle: "\(samples) predictions by MedSeg and how far they disagree", image: turn(scan),
            mean: turned(uncertain.map(.mean)), variance: turned(uncertain.map(.variance)),
            validity: turned(uncertain.validity().map(Float.init)).map { UInt8($0) }
        ).write(to: URL(fileURLWithPath: path))
    }
}
