public import SegData
public import SegImaging
public import SegInference
public import SegMetrics

/// Predicts labelled cases and measures the masks on the scans' own grids; the core of `medseg evaluate`.
public struct DatasetEvaluation {
    /// What an evaluation tells while it goes on.
    public enum Event: Sendable {
        /// So many windows of a case are predicted, over all samples.
        case window(name: String, done: Int, count: Int)
        /// A case is predicted.
        case predicted(name: String)
        /// A sentence on a file that a user should know.
        case note(file: String, String)
    }

    /// A case that was predicted and measured.
    public struct MeasuredCase {
        /// The case's name and files.
        public let item: DatasetCase
        /// The first channel of the scan as read.
        public let scan: Volume
        /// How the scan lies, for volumes that are written like it.
        public let geometry: ScanGeometry
        /// The class of every voxel of the label map, background where it takes no part.
        public let truth: [UInt8]
        /// What was predicted.
        public let found: Segmentation
    }

    private let segmenter: Segmenter
    /// The names of the classes.
    public let labels: [Int: String]
    private let ignoredLabel: Int?
    private let options: MetricOptions
    private let bootstrap: Bootstrap

    /// An evaluation of a segmenter.
    /// - Parameters:
    ///   - segmenter: The models. Where it draws samples, their calibration is measured too.
    ///   - dataset: Whose cases are measured: it names the classes, and the number of voxels that take no part.
    ///   - options: Whose Hausdorff percentile, and the tolerance of the surface Dice.
    ///   - bootstrap: How the intervals of the means are drawn.
    public init(
        _ segmenter: Segmenter, of dataset: Dataset, options: MetricOptions, bootstrap: Bootstrap = Bootstrap()
    ) {
        self.segmenter = segmenter
        // Where the model groups numbers, its classes are not the dataset's numbers.
        labels = segmenter.description.labelScheme.groups == nil ? dataset.labels : segmenter.labels
        ignoredLabel = dataset.ignoredLabel
        self.options = options
        self.bootstrap = bootstrap
    }

    /// Predicts and measures cases one after another.
    /// - Parameters:
    ///   - cases: The cases.
    ///   - report: Called with what happens.
    ///   - keep: Called with every case once it is measured, to write or draw it; what it throws ends the evaluation.
    /// - Throws: `DataError` naming a file that cannot be read, or a label that does not fit its scan; errors as
    ///   `Segmenter` and of `keep`.
    public func callAsFunction(
        _ cases: [DatasetCase], report: (Event) -> Void, keep: (MeasuredCase) throws -> Void
    ) throws -> Evaluation {
        var evaluation = Evaluation(labels: labels, options: options, bootstrap: bootstrap)
        if segmenter.uncertainty != nil { evaluation.calibration = try CalibrationStudy() }
        for item in cases {
            let (measured, label, classes) = try predict(item, report)
            let (found, truth) = (measured.found, measured.truth)
            let mask = Self.masked(found.mask, by: classes)
            try evaluation.add(
                item.name, prediction: mask, truth: truth, on: label, classes: 1..<segmenter.classes)
            let unknown = Set(truth).filter { $0 >= segmenter.classes }.sorted().map { "\($0)" }
            if !unknown.isEmpty {
                report(
                    .note(
                        file: item.label,
                        "It holds classes that the model does not know and that are not measured: "
                            + "\(unknown.joined(separator: ", "))."))
            }
            if let uncertain = found.uncertain {
                try evaluation.calibration?.add(item.name, uncertain, mask: mask, truth: truth)
            }
            try keep(measured)
        }
        return evaluation
    }

    /// The classes of a label map by the model's scheme; `LabelScheme.ignoredClass` where a voxel takes no part.
    private func classes(of label: Volume, file: String) throws -> [UInt8] {
        var scheme = segmenter.description.labelScheme
        if scheme.ignored == nil { scheme.ignored = ignoredLabel }
        guard !scheme.isPlain else { return try LabelMap.classes(of: label, file: file) }
        let whole = try LabelMap.whole(label, file: file)
        return try scheme.classes(of: whole, count: Int(LabelScheme.ignoredClass), file: file).voxels.map { UInt8($0) }
    }

    /// A mask that is background where the label map's voxels take no part.
    private static func masked(_ mask: [UInt8], by truth: [UInt8]) -> [UInt8] {
        guard truth.contains(LabelScheme.ignoredClass) else { return mask }
        return zip(mask, truth).map { $1 == LabelScheme.ignoredClass ? 0 : $0 }
    }

    /// - Returns: The case, its label map as read, and the classes of that.
    private func predict(
        _ item: DatasetCase, _ report: (Event) -> Void
    ) throws -> (MeasuredCase, label: Volume, classes: [UInt8]) {
        let (image, geometries) = try ScanFile.readImage(item.images) { report(.note(file: $0, $1)) }
        let (label, labelGeometry) = try ScanFile.readVolume(item.label)
        let scan = image.volume(0)
        for (file, geometry) in zip(item.images, geometries) {
            geometry.remarks.forEach { report(.note(file: file, $0)) }
        }
        labelGeometry.remarks.forEach { report(.note(file: item.label, $0)) }
        try scan.checkMatches(label: label, imageName: item.image, labelName: item.label)
        let classes = try classes(of: label, file: item.label)
        let found = try segmenter(image, name: item.image) { done, count in
            report(.window(name: item.name, done: done, count: count))
        }
        report(.predicted(name: item.name))
        found.concerns.forEach { report(.note(file: item.image, $0.message)) }
        let truth = Self.masked(classes, by: classes)
        let measured = MeasuredCase(item: item, scan: scan, geometry: geometries[0], truth: truth, found: found)
        return (measured, label, classes)
    }
}

extension Evaluation {
    /// Reads two masks on one grid and measures one against the other, every label that either holds.
    /// - Parameter report: Called with sentences on the files.
    /// - Throws: `DataError` naming a file that cannot be read or that does not fit the other.
    public mutating func add(
        mask prediction: String, against reference: String, report: (DatasetEvaluation.Event) -> Void
    ) throws {
        let (predicted, geometry) = try ScanFile.readVolume(prediction)
        let (label, labelGeometry) = try ScanFile.readVolume(reference)
        geometry.remarks.forEach { report(.note(file: prediction, $0)) }
        labelGeometry.remarks.forEach { report(.note(file: reference, $0)) }
        try label.checkMatches(label: predicted, imageName: reference, labelName: prediction)
        try add(
            DatasetCase(image: prediction, label: reference).name,
            prediction: LabelMap.numbers(of: predicted, file: prediction),
            reference: LabelMap.numbers(of: label, file: reference), on: label)
    }
}
