public import Foundation
internal import SegCore
public import SegImaging

/// One axial slice three times: the scan, the mean of many predictions, and their variance, each with its scale.
///
/// The slice is the one with the most variance. What the network did not look at is hatched, not shown as certain.
public struct UncertaintyPanel: Sendable {
    /// Headline of the figure.
    public var title: String
    /// A quiet line under the headline, such as the number of passes.
    public var subtitle: String
    /// Intensities shown from black to white, HU for CT.
    public var window = GreyWindow.softTissue
    /// Which side of the picture is the patient's right.
    public var convention = ViewConvention.radiological
    /// Width of the figure in pixels; its height follows.
    public var width = 1500.0

    let image: Volume
    let mean: [Float]
    let variance: [Float]
    let validity: [UInt8]
    /// The slice's index along the axis from feet to head.
    let index: Int

    /// Makes a panel of an image whose axes run R, A, S and of maps on its grid.
    /// - Parameters:
    ///   - mean: The mean foreground probability.
    ///   - variance: Its variance.
    ///   - validity: 1 where the network looked.
    /// - Throws: `ReportError.invalidInput` when a map does not fit the image or the image is not in RAS order.
    public init(
        title: String, subtitle: String, image: Volume, mean: [Float], variance: [Float], validity: [UInt8]
    ) throws {
        for (name, count) in [("mean", mean.count), ("variance", variance.count), ("validity mask", validity.count)]
        where count != image.size.count {
            throw ReportError.invalidInput(
                "The \(name) has \(count) voxels, the image \(image.size) = \(image.size.count); give both on one grid."
            )
        }
        guard image.size.count > 0, OverlayPanel.isRAS(image.affine) else {
            throw ReportError.invalidInput(
                "A panel needs an image with voxels whose axes run to the right, front and top; reorient it to RAS first."
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

    /// Draws the panel into a .png or .svg file, replacing what was there in one step.
    /// - Throws: `ReportError` when the ending is neither or the file cannot be written.
    public func write(to file: URL) throws {
        try figure().write(to: file)
    }

    /// The figure's pixels, for what does not want a file.
    package func raster() -> Raster? { figure().raster() }

    /// The slice of axis 2 with the largest sum; the middle one where there is nothing.
    private static func mostUncertain(_ variance: [Float], _ size: Triple) -> Int {
        var sums = [Double](repeating: 0, count: size.w)
        for row in 0..<size.d * size.h {
            for k in 0..<size.w { sums[k] += Double(variance[row * size.w + k]) }
        }
        let best = sums.indices.max { sums[$0] < sums[$1] } ?? 0
        return sums[best] > 0 ? best : size.w / 2
    }
}
