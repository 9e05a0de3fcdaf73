public import SegData
public import SegImaging
public import SegInference
public import SegMetrics

/// Predicts labelled cases and measures the masks on the scans' own grids; the core of `medseg evaluate`.
public struct DatasetEvaluation {
    /// The progress events of an evaluation.
    public enum Event: Sendable {
        /// The number of predicted windows of a case, over all samples.
        case window(name: String, done: Int, count: Int)
        /// A case is predicted.
        case predicted(name: String)
        /// A remark about a file for the user.
        case note(file: String, String)
    }

    /// A case that was predicted and measured.
    public struct MeasuredCase {
        /// The case's name and files.
        public let item: DatasetCase
        /// The first channel of the scan as read.
        public let scan: Volume
        /// The geometry of the scan, for volumes that are written on its grid.
        public let geometry: ScanGeometry
        /// The class of every voxel of the label map, or the voxel's number if the model has regions; 0 at ignored voxels.
        public let truth: [UInt8]
        /// The prediction.
        public let found: Segmentation
    }

    private let segmenter: Segmenter
    /// The names of the numbers in masks and label maps.
    public let labels: [Int: String]
    /// The names of the measured classes by number, or of the regions by channel.
    private let names: [Int: String]
    private let truth: TruthReader
    private var scheme: LabelScheme { truth.scheme }
    private let options: MetricOptions
    private let bootstrap: Bootstrap

    /// Creates an evaluation of a segmenter.
    /// - Parameters:
    ///   - segmenter: The models. If the segmenter draws samples, their calibration is measured too.
    ///   - dataset: The dataset of the cases, with the names of the classes and the number of ignored voxels.
    ///   - options: The definition of the percentile Hausdorff distance, and the tolerance of the surface Dice.
    ///   - bootstrap: The sampling for the intervals of the means.
    public init(
        _ segmenter: Segmenter, of dataset: Dataset, options: MetricOptions, bootstrap: Bootstrap = Bootstrap()
    ) {
        self.segmenter = segmenter
        names = segmenter.description.classNames(of: dataset)
        labels = segmenter.description.labelScheme.regionsOrder == nil ? names : segmenter.labels
        truth = TruthReader(segmenter.description, of: dataset)
        self.options = options
        self.bootstrap = bootstrap
    }

    /// Predicts and measures cases one after another.
    /// - Parameters:
    ///   - cases: The cases.
    ///   - report: Called with each event.
    ///   - keep: Called with every measured case, to write or draw it; an error that it throws ends the evaluation.
    /// - Throws: `DataError` naming a file that cannot be read, or a label that does not fit its scan; errors of
    ///   `Segmenter` and of `keep`.
    public func callAsFunction(
        _ cases: [DatasetCase], report: (Event) -> Void, keep: (MeasuredCase) throws -> Void
    ) throws -> Evaluation {
        var evaluation = Evaluation(labels: names, options: options, bootstrap: bootstrap)
        if segmenter.uncertainty != nil { evaluation.calibration = try CalibrationStudy() }
        var holdsAnyClass = false
        for item in cases {
            let (measured, label, ignored) = try predict(item, report)
            let (found, truth) = (measured.found, measured.truth)
            holdsAnyClass = holdsAnyClass || truth.contains { $0 > 0 }
            guard !found.hasRegions, scheme.regions == nil else {
                try evaluation.add(item.name, regions: regions(of: found, truth), on: label, ignored: ignored)
                try keep(measured)
                continue
            }
            try evaluation.add(
                item.name, prediction: found.mask, truth: truth, on: label, classes: 1..<segmenter.classes,
                ignored: ignored)
            let unknown = Set(truth).filter { $0 >= segmenter.classes }.sorted().map { "\($0)" }
            if !unknown.isEmpty {
                report(
                    .note(
                        file: item.label,
                        "It contains classes that the model does not know and that are not measured: "
                            + "\(unknown.joined(separator: ", "))."))
            }
            if let uncertain = found.uncertain {
                try evaluation.calibration?.add(
                    item.name, uncertain, mask: found.mask, truth: truth, ignored: ignored)
            }
            try keep(measured)
        }
        if !holdsAnyClass, !cases.isEmpty, let groups = scheme.groups ?? scheme.regions {
            let numbers = groups.map { "\($0.name) \($0.numbers.map(String.init).joined(separator: "+"))" }
            report(
                .note(
                    file: cases[0].label,
                    "No label map contains a number of the model's classes (\(numbers.joined(separator: ", "))); "
                        + "check that the model was trained for this dataset."))
        }
        return evaluation
    }

    /// Pairs the predicted map of each region with that of the label map. If regions are painted into one map, a region
    /// consists of the voxels with its numbers, as in a label map.
    private func regions(
        of found: Segmentation, _ truth: [UInt8]
    ) -> [(prediction: [UInt8], reference: [UInt8])] {
        let targets = scheme.targets
        func region(_ channel: Int, of numbers: [UInt8]) -> [UInt8] {
            numbers.map { UInt8(targets[Int($0)] >> Int32(channel) & 1) }
        }
        return (scheme.regions ?? []).indices.map { channel in
            let reference = region(channel, of: truth)
            let map = found.hasRegions ? found.maps[channel] : region(channel, of: found.mask)
            return (map, reference)
        }
    }

    /// Predicts a case.
    /// - Returns: The case, its label map as read, and whether each voxel is ignored.
    private func predict(
        _ item: DatasetCase, _ report: (Event) -> Void
    ) throws -> (MeasuredCase, label: Volume, ignored: [Bool]?) {
        let (image, geometries) = try ScanFile.readImage(item.images) { report(.note(file: $0, $1)) }
        let (label, labelGeometry) = try ScanFile.readLabel(item.label, of: item.image, classes: truth.names)
        let scan = image.volume(0)
        for (file, geometry) in zip(item.images, geometries) {
            geometry.remarks.forEach { report(.note(file: file, $0)) }
        }
        labelGeometry.remarks.forEach { report(.note(file: item.label, $0)) }
        if let note = label.noteOfShear { report(.note(file: item.label, note)) }
        try scan.checkMatches(label: label, imageName: item.image, labelName: item.label)
        let (truth, ignored) = try self.truth.classes(of: label, file: item.label)
        let found = try segmenter(image, name: item.image) { done, count in
            report(.window(name: item.name, done: done, count: count))
        }
        report(.predicted(name: item.name))
        found.concerns.forEach { report(.note(file: item.image, $0.message)) }
        let measured = MeasuredCase(item: item, scan: scan, geometry: geometries[0], truth: truth, found: found)
        return (measured, label, ignored)
    }
}

extension Evaluation {
    /// Reads two masks on one grid and measures one against the other, for every label that occurs in either.
    /// - Parameters:
    ///   - name: The name of the case; nil for the name of its file.
    ///   - labels: Labels that are also measured if they occur in neither.
    ///   - report: Called with remarks about the files.
    /// - Throws: `DataError` naming a file that cannot be read or that does not fit the other.
    public mutating func add(
        mask prediction: String, against reference: String, name: String? = nil, labels: Set<UInt16> = [],
        report: (DatasetEvaluation.Event) -> Void
    ) throws {
        let (predicted, geometry) = try ScanFile.readLabel(prediction, of: reference)
        let (label, labelGeometry) = try ScanFile.readLabel(reference, of: prediction)
        geometry.remarks.forEach { report(.note(file: prediction, $0)) }
        labelGeometry.remarks.forEach { report(.note(file: reference, $0)) }
        if let note = label.noteOfShear { report(.note(file: reference, note)) }
        try label.checkMatches(label: predicted, imageName: reference, labelName: prediction)
        try add(
            name ?? DatasetCase(image: prediction, label: reference).name,
            prediction: LabelMap.numbers(of: predicted, file: prediction),
            reference: LabelMap.numbers(of: label, file: reference), on: label, labels: labels)
    }
}

extension Volume {
    /// The remark that distances are inexact on a sheared grid; nil for other grids.
    fileprivate var noteOfShear: String? {
        guard affine.isSheared else { return nil }
        return "Its grid is sheared, as after a gantry tilt; surface distances are computed as if it were rectangular."
    }
}
