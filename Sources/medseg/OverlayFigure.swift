import Foundation
import SegImaging
import SegReport

/// A picture of a scan with a mask over it, and a reference's outline where there is one.
struct OverlayFigure {
    let scan: Volume
    let mask: [UInt8]
    let reference: [UInt8]?
    let title: String
    let subtitle: String
    let labels: [Int: String]

    /// Draws the figure on slices in patient orientation.
    func write(to path: String) throws {
        let turn = try Orientation(axisCodes: "RAS")
        func turned(_ labels: [UInt8]) -> [UInt8] {
            turn(Volume(voxels: labels.map(Float.init), size: scan.size, affine: scan.affine)).voxels.map { UInt8($0) }
        }
        var panel = try OverlayPanel(
            title: title, subtitle: subtitle, image: turn(scan), prediction: turned(mask),
            reference: reference.map(turned))
        for (number, name) in labels where (1...255).contains(number) { panel.labelNames[UInt8(number)] = name }
        try panel.write(to: URL(fileURLWithPath: path))
    }
}
