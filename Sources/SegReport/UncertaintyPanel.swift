public import Foundation
internal import SegCore
public import SegImaging

/// One axial slice three times: the scan, the mean of many predictions, and their variance, each with its scale.
///
/// The slice is the one with the largest total variance. Voxels outside the network's input are hatched rather than
/// shown as certain.
public struct UncertaintyPanel: Sendable {
    /// The title of the figure.
    public var title: String
    /// The subtitle in grey, such as the number of passes.
    public var subtitle: String
    /// The window of intensities shown from black to white, HU for CT.
    public var window = GreyWindow.softTissue
    /// The side of the figure on which the patient's right is shown.
    public var convention = ViewConvention.radiological
    /// The width of the figure in pixels; its height follows from the image.
    public var width = 1500.0

    let image: Volume
    let mean: [Float]
    let variance: [Float]
    let validity: [UInt8]
    /// The index of the slice along the axis from feet to head.
    let index: Int

    /// Creates a panel from an image in RAS order and maps on the image's grid.
    /// - Parameters:
    ///   - mean: The mean foreground probability.
    ///   - variance: The variance of the foreground probability.
    ///   - validity: 1 for voxels of the network's input, 0 for others.
    /// - Throws: `ReportError.invalidInput` if a map does not fit the image or the image is not in RAS order.
    public init(
        title: String, subtitle: String, image: Volume, mean: [Float], variance: [Float], validity: [UInt8]
    ) throws {
        for (name, count) in [("mean", mean.count), ("variance", variance.count), ("validity mask", validity.count)]
        where count != image.size.count {
            throw ReportError.invalidInput(
                "The \(name) has \(count) voxels, but the image has \(image.size) = \(image.size.count); give both on one "
                    + "grid.")
        }
        guard image.size.count > 0, OverlayPanel.isRAS(image.affine) else {
            throw ReportError.invalidInput(
                "A panel needs an image with voxels whose axes point to the right, front and top; reorient it to RAS first."
            )
        }
        self.title = title
        self.subtitle = subtitle
        self.image = image
        self.mean = mean
        self.variance = variance
        self.validity = validity
        index = Self.mostUncertain(variance, image.size)
    }

    /// Draws the panel into a .png or .svg file, replacing an existing file in one step.
    /// - Throws: `ReportError` if the file has another extension or cannot be written.
    public func write(to file: URL) throws {
        try figure().write(to: file)
    }

    /// The figure's pixels, for use without a file.
    package func raster() -> Raster? { figure().raster() }

    /// The index along axis 2 of the slice with the largest sum; the middle slice if all are 0.
    private static func mostUncertain(_ variance: [Float], _ size: Triple) -> Int {
        var sums = [Double](repeating: 0, count: size.w)
        for row in 0..<size.d * size.h {
            for k in 0..<size.w { sums[k] += Double(variance[row * size.w + k]) }
        }
        let best = sums.indices.max { sums[$0] < sums[$1] } ?? 0
        return sums[best] > 0 ? best : size.w / 2
    }
}
