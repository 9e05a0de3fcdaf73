public import SegCore
public import SegImaging

/// A labelled scan on the network's grid, ready for patches or for validation.
public struct PreparedCase: Sendable {
    /// The case's name.
    public let name: String
    /// The image and classes, in memory or in a file of the cache.
    public let scan: LabelledScan
    /// Remarks about the case for the user, one sentence each: channels that were resampled, the reason why it is not
    /// cached.
    public internal(set) var notes: [String] = []
    /// The largest class of the label map as read, before any crop.
    let largestClass: Int

    /// Reads and prepares a case in memory.
    /// - Parameters:
    ///   - channels: The number of input channels of the network; a case with another number is an error.
    ///   - classes: Number of classes, background included; a label beyond is an error.
    ///   - labels: The mapping from the numbers of a label map to classes.
    /// - Throws: `DataError` naming the file that cannot be read or used.
    public init(
        _ item: DatasetCase, _ preprocessing: Preprocessing, channels: Int, classes: Int,
        labels: LabelScheme = LabelScheme()
    ) throws(DataError) {
        var notes: [String] = []
        let (image, truth) = try item.read(channels: channels, classes: classes, labels: labels) { notes.append($0) }
        let prepared = try preprocessing(image, name: item.image)
        let label = try preprocessing.trainingLabels(truth, of: image, for: prepared, name: item.label)
        self.init(
            name: item.name, scan: LabelledScan(image: prepared.image, label: label),
            largestClass: Self.largestClass(of: truth))
        self.notes = notes
    }

    /// Creates a case from an image and a label map that share a grid; the label's voxels are integers from 0 to 255.
    public init(name: String, image: ScanImage, label: Volume) {
        precondition(image.size == label.size, "image and label of \(name) differ in extents")
        self.init(
            name: name, scan: LabelledScan(image: image, label: label), largestClass: Self.largestClass(of: label))
    }

    /// Creates a case from a scan.
    init(name: String, scan: LabelledScan, largestClass: Int) {
        self.name = name
        self.scan = scan
        self.largestClass = largestClass
    }

    /// Checks the number of channels of a case.
    static func check(channels: Int, of expected: Int, file: String) throws(DataError) {
        guard channels != expected else { return }
        throw DataError(
            .badData, file,
            "the case has \(channels) channel\(channels == 1 ? "" : "s"), but network_def.in_channels is \(expected)")
    }

    private static func largestClass(of label: Volume) -> Int {
        var largest: Float = 0
        for voxel in label.voxels where voxel > largest && voxel != Float(LabelScheme.ignoredClass) { largest = voxel }
        return Int(largest)
    }

    /// The size in voxels.
    public var size: Triple { scan.size }
    /// A copy of the network's input; throws `DataError` if the cache's file can no longer be read.
    public var image: ScanImage { get throws(DataError) { try scan.image } }
    /// A copy of the classes as 32-bit integers, -1 for ignored voxels; throws `DataError` if the cache's file can no
    /// longer be read.
    public var labels: [Int32] { get throws(DataError) { try scan.classes.map(LabelScheme.target) } }
    /// Whether a labelled voxel is left on the network's grid, on which a small structure may vanish; throws
    /// `DataError` if the cache's file can no longer be read.
    public var hasForeground: Bool {
        get throws(DataError) { try scan.presentClasses.contains { $0 != 0 && $0 != LabelScheme.ignoredClass } }
    }

    /// The case padded with zeros if it is smaller than a patch, MONAI's `SpatialPad`.
    func padded(to size: Triple) -> PreparedCase {
        var padded = PreparedCase(name: name, scan: scan.padded(to: size), largestClass: largestClass)
        padded.notes = notes
        return padded
    }
}

extension DatasetCase {
    /// Reads the scans and the classes of a case, both as they are in the files.
    /// - Parameters:
    ///   - channels: The number of input channels of the network; a case with another number is an error.
    ///   - classes: Number of classes, background included; a label beyond is an error.
    ///   - labels: The mapping from the numbers of a label map to classes.
    ///   - note: Called with a sentence for each channel that was resampled, and for a label map that is less than half a
    ///     voxel off.
    /// - Throws: `DataError` naming the file that cannot be read or used.
    func read(
        channels: Int, classes: Int, labels: LabelScheme, note: (String) -> Void
    ) throws(DataError) -> (image: ScanImage, classes: Volume) {
        let (image, _) = try ScanFile.readImage(images) { note("\($0): \($1)") }
        try PreparedCase.check(channels: image.channels.count, of: channels, file: self.image)
        let (raw, _) = try ScanFile.readVolume(label)
        try image.volume(0).checkMatches(label: raw, imageName: self.image, labelName: label)
        if let apart = image.volume(0).offset(of: raw) {
            note(
                "\(label): lies \((apart * 1000).rounded() / 1000) mm off \(self.image) at a corner, less than half a voxel, "
                    + "and is treated as if on the same grid")
        }
        let whole = try LabelMap.whole(raw, file: label)
        return (image, try labels.classes(of: whole, count: classes, file: label))
    }
}
