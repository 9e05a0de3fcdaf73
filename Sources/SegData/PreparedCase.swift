public import SegCore
public import SegImaging

/// A labelled scan on the network's grid, ready for patches or for validation.
public struct PreparedCase: Sendable {
    /// The case's name.
    public let name: String
    /// Image and classes, in memory or in a file of the cache.
    public let scan: LabelledScan
    /// Why the case is in memory although it was to be cached, a sentence worth showing; nil otherwise.
    public internal(set) var note: String?
    /// The largest class of the label map as it was read, before any crop.
    let largestClass: Int

    /// Reads and prepares a case, in memory.
    /// - Parameter classes: Number of classes, background included; a label beyond is an error.
    /// - Throws: `DataError` naming the file that cannot be read or used.
    public init(_ item: DatasetCase, _ preprocessing: Preprocessing, classes: Int) throws(DataError) {
        let (scan, _) = try ScanFile.readVolume(item.image)
        let (raw, _) = try ScanFile.readVolume(item.label)
        try scan.checkMatches(label: raw, imageName: item.image, labelName: item.label)
        let whole = try LabelMap.whole(raw, file: item.label)
        let largest = Int(whole.voxels.max() ?? 0)
        try Self.check(largest: largest, classes: classes, file: item.label)
        let prepared = try preprocessing(scan, name: item.image)
        let label = try preprocessing.labels(whole, for: prepared, name: item.label)
        self.init(
            name: item.name, scan: LabelledScan(image: prepared.image.volume(0), label: label), largestClass: largest)
    }

    /// Wraps volumes that share a grid; the label's voxels are whole numbers from 0 to 255.
    public init(name: String, image: Volume, label: Volume) {
        precondition(image.size == label.size, "image and label of \(name) differ in extents")
        self.init(
            name: name, scan: LabelledScan(image: image, label: label), largestClass: Int(label.voxels.max() ?? 0))
    }

    /// Wraps a scan.
    init(name: String, scan: LabelledScan, largestClass: Int) {
        self.name = name
        self.scan = scan
        self.largestClass = largestClass
    }

    /// Checks the largest class of a label map.
    static func check(largest: Int, classes: Int, file: String) throws(DataError) {
        // A class is kept as a byte.
        let most = min(classes, 256) - 1
        guard largest <= most else {
            throw DataError(.badData, file, "holds class \(largest); the network's out_channels allow 0 to \(most)")
        }
        guard largest > 0 else {
            throw DataError(
                .badData, file, "holds no foreground class, only background; correct it or take the case out")
        }
    }

    /// Extents.
    public var size: Size3 { scan.size }
    /// What the network sees, copied; throws `DataError` where the cache's file can no longer be read.
    public var image: Volume { get throws(DataError) { try scan.image } }
    /// The classes as 32-bit integers, copied; throws `DataError` where the cache's file can no longer be read.
    public var labels: [Int32] { get throws(DataError) { try scan.classes.map { Int32($0) } } }
    /// Whether a labelled voxel is left on the network's grid, where a small structure may vanish; throws `DataError`
    /// where the cache's file can no longer be read.
    public var hasForeground: Bool { get throws(DataError) { try scan.presentClasses.contains { $0 != 0 } } }

    /// The case with zeros round it where it is smaller than a patch, `SpatialPad`.
    func padded(to size: Size3) -> PreparedCase {
        var padded = PreparedCase(name: name, scan: scan.padded(to: size), largestClass: largestClass)
        padded.note = note
        return padded
    }
}
