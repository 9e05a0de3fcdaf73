public import SegImaging

/// A labelled scan on the network's grid, ready for patches or for validation.
public struct PreparedCase: Sendable {
    /// The case's name.
    public let name: String
    /// What the network sees.
    public let image: Volume
    /// Its classes, on the same grid.
    public let label: Volume

    /// Reads and prepares a case.
    /// - Parameter classes: Number of classes, background included; a label beyond is an error.
    /// - Throws: `ImagingError` naming the file that cannot be read or used.
    public init(_ item: DatasetCase, _ preprocessing: Preprocessing, classes: Int) throws(ImagingError) {
        let (scan, _) = try NIfTI.readVolume(item.image)
        let (raw, _) = try NIfTI.readVolume(item.label)
        try scan.checkMatches(label: raw, imageName: item.image, labelName: item.label)
        let numbers = try LabelMap.classes(of: raw, file: item.label)
        let largest = Int(numbers.max() ?? 0)
        guard largest < classes else {
            throw ImagingError(
                .badData, item.label, "holds class \(largest); the network's out_channels allow 0 to \(classes - 1)")
        }
        guard largest > 0 else {
            throw ImagingError(
                .badData, item.label, "holds no foreground class, only background; correct it or take the case out")
        }
        let prepared = try preprocessing(scan, name: item.image)
        name = item.name
        image = prepared.image
        label = try preprocessing.labels(raw, for: prepared, name: item.label)
    }

    /// Wraps volumes that share a grid.
    public init(name: String, image: Volume, label: Volume) {
        precondition(image.size == label.size, "image and label of \(name) differ in extents")
        self.name = name
        self.image = image
        self.label = label
    }

    /// The classes as 32-bit integers.
    public var labels: [Int32] { label.voxels.map { Int32($0) } }

    /// The case with zeros round it where it is smaller than a patch, `SpatialPad`.
    func padded(to size: Size3) -> PreparedCase {
        let pad = SpatialPad(size: size, value: 0)
        return PreparedCase(name: name, image: pad(image), label: pad(label))
    }
}
