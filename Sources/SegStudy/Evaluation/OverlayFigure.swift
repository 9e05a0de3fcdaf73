internal import Foundation
public import SegImaging
internal import SegReport

/// An image of a scan with a mask over it, and with the outline of a reference if there is one.
public struct OverlayFigure {
    private let scan: Volume
    private let mask: [UInt8]
    private let reference: [UInt8]?
    private let title: String
    private let subtitle: String
    private let labels: [Int: String]

    /// Creates a figure of a mask on a scan's grid.
    /// - Parameters:
    ///   - mask: The class of every voxel, in `Volume`'s order.
    ///   - reference: The mask that is outlined; nil for none.
    ///   - labels: The names of the classes, by label.
    public init(
        scan: Volume, mask: [UInt8], reference: [UInt8]?, title: String, subtitle: String, labels: [Int: String]
    ) {
        self.scan = scan
        self.mask = mask
        self.reference = reference
        self.title = title
        self.subtitle = subtitle
        self.labels = labels
    }

    /// Draws the figure on slices in patient orientation.
    /// - Parameter path: A file that ends in `.png` or `.svg`.
    /// - Throws: `ReportError` if the file cannot be written.
    public func write(to path: String) throws {
        let orientation = try Orientation(axisCodes: "RAS")
        func oriented(_ labels: [UInt8]) -> [UInt8] {
            let map = Volume(voxels: labels.map(Float.init), size: scan.size, affine: scan.affine)
            return orientation(map).voxels.map { UInt8($0) }
        }
        var panel = try OverlayPanel(
            title: title, subtitle: subtitle, image: orientation(scan), prediction: oriented(mask),
            reference: reference.map(oriented))
        panel.window = GreyWindow.suiting(scan)
        for (number, name) in labels where (1...255).contains(number) { panel.labelNames[UInt8(number)] = name }
        try panel.write(to: URL(fileURLWithPath: path))
    }
}
