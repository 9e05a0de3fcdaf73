public import Foundation
internal import SegCore
public import SegImaging

/// Three orthogonal slices of a scan with the prediction filled and the reference outlined.
///
/// The slices run through the centre of mass of the reference, or of the prediction if there is no reference.
public struct OverlayPanel: Sendable {
    /// The title of the figure.
    public var title: String
    /// The subtitle in grey, such as the names of the case and the model.
    public var subtitle: String
    /// The names of labels in the legend; `class 3` if none is given.
    public var labelNames: [UInt8: String] = [:]
    /// The window of intensities shown from black to white, HU for CT.
    public var window = GreyWindow.softTissue
    /// The side of the figure on which the patient's right is shown.
    public var convention = ViewConvention.radiological
    /// The width of the figure in pixels; its height follows from the image.
    public var width = 1500.0

    let image: Volume
    let prediction: [UInt8]?
    let reference: [UInt8]?
    /// The foreground labels that occur in either map.
    let labels: [UInt8]
    /// The voxel in which all three planes intersect.
    let centre: [Int]

    /// Creates a panel from an image in RAS order and label maps on the image's grid (0 is background).
    /// - Throws: `ReportError.invalidInput` if a map does not fit the image or the image is not in RAS order.
    public init(
        title: String, subtitle: String, image: Volume, prediction: [UInt8]?, reference: [UInt8]?
    ) throws {
        for (name, map) in [("prediction", prediction), ("reference", reference)] {
            guard let map, map.count != image.size.count else { continue }
            throw ReportError.invalidInput(
                "The \(name) has \(map.count) voxels, but the image has \(image.size) = \(image.size.count); give both on "
                    + "one grid.")
        }
        guard image.size.count > 0, Self.isRAS(image.affine) else {
            throw ReportError.invalidInput(
                "A panel needs an image with voxels whose axes point to the right, front and top; reorient it to RAS first."
            )
        }
        self.title = title
        self.subtitle = subtitle
        self.image = image
        self.prediction = prediction
        self.reference = reference
        labels = Self.labels([prediction, reference].compactMap { $0 })
        centre =
            [reference, prediction].lazy.compactMap { $0 }.compactMap { Self.centreOfMass($0, image.size) }.first
            ?? [image.size.d / 2, image.size.h / 2, image.size.w / 2]
    }

    /// Draws the panel into a .png or .svg file, replacing an existing file in one step.
    /// - Throws: `ReportError` if the file has another extension or cannot be written.
    public func write(to file: URL) throws {
        try figure().write(to: file)
    }

    /// The figure's pixels, for use without a file.
    package func raster() -> Raster? { figure().raster() }

    /// The Dice coefficient of a label, twice the overlap over the sum of sizes; `nil` unless both maps are given and
    /// one of them contains the label.
    func dice(_ label: UInt8) -> Double? {
        guard let prediction, let reference else { return nil }
        var sum = 0
        var overlap = 0
        for (p, r) in zip(prediction, reference) {
            if p == label { sum += 1 }
            if r == label { sum += 1 }
            if p == label && r == label { overlap += 1 }
        }
        return sum == 0 ? nil : 2 * Double(overlap) / Double(sum)
    }

    static func isRAS(_ affine: Affine) -> Bool {
        (0..<3).allSatisfy { axis in
            let own = affine[axis, axis]
            return own > 0 && (0..<3).allSatisfy { abs(affine[axis, $0]) <= own && abs(affine[$0, axis]) <= own }
        }
    }

    private static func labels(_ maps: [[UInt8]]) -> [UInt8] {
        var seen = [Bool](repeating: false, count: 256)
        for map in maps {
            for label in map { seen[Int(label)] = true }
        }
        return (1...255).filter { seen[$0] }.map { UInt8($0) }
    }

    private static func centreOfMass(_ map: [UInt8], _ size: Triple) -> [Int]? {
        var sums = [0, 0, 0]
        var count = 0
        for i in 0..<size.d {
            for j in 0..<size.h {
                let row = (i * size.h + j) * size.w
                for k in 0..<size.w where map[row + k] != 0 {
                    sums[0] += i
                    sums[1] += j
                    sums[2] += k
                    count += 1
                }
            }
        }
        return count == 0 ? nil : sums.map { ($0 + count / 2) / count }
    }
}
