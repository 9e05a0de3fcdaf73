import Foundation
import SegImaging
import SegInference
import SegReport

/// Scan, mean and variance side by side, as a picture.
struct UncertaintyFigure {
    let scan: Volume
    let uncertain: UncertainPrediction
    let title: String

    /// Draws the figure on a slice in patient orientation.
    func write(to path: String) throws {
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
