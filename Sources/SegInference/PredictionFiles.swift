internal import Foundation
public import SegCore
public import SegImaging

/// The files that `medseg predict` writes for a scan: `SCAN_mask` and the requested extras.
public struct PredictionFiles {
    /// The files that are written in addition to the mask.
    public struct Extras: Sendable {
        /// Whether the probability of each foreground class, or of each region, is written.
        public var probabilities: Bool
        /// Whether figures are written: the mask over three slices of the scan, and the variance if there is one.
        public var figure: Bool
        /// Whether a `ScanReport` is written.
        public var report: Bool
        /// Whether the maps of an uncertain prediction are written.
        public var uncertainty: Bool
        /// Whether a DICOM segmentation is written.
        public var segmentation = false
        /// Whether a DICOM RT structure set is written.
        public var structures = false

        /// Creates a choice of extras without DICOM objects.
        public init(probabilities: Bool, figure: Bool, report: Bool, uncertainty: Bool) {
            self.probabilities = probabilities
            self.figure = figure
            self.report = report
            self.uncertainty = uncertainty
        }
    }

    /// The scans that are the channels of the case, at least one.
    public let channels: [String]
    /// The scan's name without file extensions; the names of the written files begin with it.
    public let stem: String
    private let folder: String
    /// Whether the mask's name is only the scan's, without `_mask`.
    private let isMaskPlain: Bool
    /// The file extension of the volumes.
    private var ending: String

    /// Creates the names of the files of a scan.
    /// - Parameter ending: The file extension of the volumes that are written; nil for the scan's own format.
    public init(input: String, folder: String, ending: String? = nil) {
        self.init(channels: [input], stem: ScanFile.stem(of: input), folder: folder, ending: ending)
    }

    /// Creates the names of the files for a case with several channels.
    /// - Parameters:
    ///   - channels: The scans that are the channels, at least one.
    ///   - stem: The beginning of the names of the written files.
    ///   - ending: The file extension of the volumes that are written; nil for the first scan's own format.
    ///   - isMaskPlain: Whether the mask's name is only the scan's, as in nnU-Net.
    public init(channels: [String], stem: String, folder: String, ending: String?, isMaskPlain: Bool = false) {
        let input = channels[0]
        self.channels = channels
        self.stem = stem
        self.folder = folder
        self.isMaskPlain = isMaskPlain
        self.ending = ending ?? ScanFile.maskEnding(like: input)
    }

    /// The scan's file, or the first of several; messages name the case by this file.
    public var input: String { channels[0] }
    /// The mask: the class of every voxel, or the maps of the regions along a fourth axis.
    public var mask: String { isMaskPlain ? "\(folder)/\(stem)\(ending)" : path("mask\(ending)") }
    /// The figure of the mask over three slices.
    public var figure: String { path("overlay.png") }
    /// The figure of scan, mean and variance side by side.
    public var uncertaintyFigure: String { path("uncertainty.png") }
    /// The `ScanReport`.
    public var report: String { path("report.json") }
    /// The mask as a DICOM segmentation.
    public var segmentation: String { path("seg.dcm") }
    /// The mask as a DICOM RT structure set.
    public var structures: String { path("rtstruct.dcm") }
    /// The map that is 1 where the network was evaluated, and 0 elsewhere.
    public var validity: String { path("uncertainty_validity\(ending)") }

    /// A map of an uncertain prediction.
    public func map(_ quantity: UncertainPrediction.Quantity) -> String {
        path("uncertainty_\(quantity.rawValue)\(ending)")
    }

    /// The probability of a class by its number in the mask's file, or of a region by its channel.
    public func probability(_ label: Int) -> String { path("probability_\(label)\(ending)") }

    private func path(_ suffix: String) -> String { "\(folder)/\(stem)_\(suffix)" }

    /// The paths of all files that will be written.
    /// - Parameter labels: The numbers of the foreground classes in the mask's file, or of the regions.
    public func all(_ extras: Extras, labels: some Sequence<Int>) -> [String] {
        var paths = [mask]
        if extras.probabilities { paths += labels.map(probability) }
        if extras.uncertainty { paths += UncertainPrediction.Quantity.allCases.map(map) + [validity] }
        if extras.figure { paths += [figure] + (extras.uncertainty ? [uncertaintyFigure] : []) }
        if extras.report { paths.append(report) }
        if extras.segmentation { paths.append(segmentation) }
        if extras.structures { paths.append(structures) }
        return paths
    }

    /// Removes files of an earlier prediction of the scan that this one does not write. Without this, a map could remain
    /// beside a mask that it does not belong to. A volume that another program wrote is kept.
    /// - Throws: `DataError` naming a file that cannot be removed.
    public func removeAllBut(_ extras: Extras, labels: some Sequence<Int>) throws {
        var every = Extras(probabilities: true, figure: true, report: true, uncertainty: true)
        (every.segmentation, every.structures) = (true, true)
        // The earlier model may have had other classes, and its volumes another format.
        let known = ScanFile.singleFileEndings.flatMap { ending in
            var earlier = self
            earlier.ending = ending
            return earlier.all(every, labels: [Int]())
        }
        for path in Set(known + probabilityFiles).subtracting(all(extras, labels: labels))
        where FileManager.default.fileExists(atPath: path)
            && (ScanFile.ending(of: path) == nil || ScanFile.isOurs(path))
        {
            guard unlink(path) == 0 else {
                throw DataError(.cannotWrite, path, "is left from an earlier prediction and cannot be removed")
            }
        }
    }

    /// The existing probability files of the scan, with any label number in their names.
    private var probabilityFiles: [String] {
        let start = "\(stem)_probability_"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { name in
            guard name.hasPrefix(start), let ending = ScanFile.ending(of: name) else { return false }
            return Int(name.dropFirst(start.count).dropLast(ending.count)) != nil
        }.map { "\(folder)/\($0)" }
    }

    /// Writes the volumes, with the scan's geometry.
    /// - Parameter probabilities: Whether the probability maps are written; the prediction must have been made with
    ///   `Segmenter.keepsPrediction`.
    /// - Returns: The summary of the uncertainty maps; nil for a single prediction.
    /// - Throws: `DataError` naming the file that cannot be written.
    @discardableResult
    public func write(
        _ found: Segmentation, probabilities: Bool, like geometry: ScanGeometry, size: Triple, overwrite: Bool
    ) throws -> UncertainPrediction.MapSummary? {
        func write<Value: WritableVoxel>(_ voxels: [Value], _ path: String) throws {
            try ScanFile.write(voxels, size: size, like: geometry, to: path, overwrite: overwrite)
        }
        guard found.isOnScan else {
            // The model leaves its masks on the network's grid.
            try ScanFile.write(
                maps: found.maps, size: found.size, affine: found.affine, to: mask, overwrite: overwrite)
            return nil
        }
        if let numbers = found.writtenNumbers {
            try write(found.mask.map { numbers[Int($0)] }, mask)
        } else {
            try ScanFile.write(maps: found.maps, size: size, like: geometry, to: mask, overwrite: overwrite)
        }
        if probabilities {
            guard let prediction = found.prediction else { preconditionFailure("no probabilities were kept") }
            for label in found.labelNumbers {
                try write(prediction.probability(of: label), probability(found.writtenNumber(label)))
            }
        }
        guard let uncertain = found.uncertain else { return nil }
        let valid = uncertain.validity()
        let maps = try uncertain.writeMaps(validity: valid) { quantity, values, _ in
            try write(values, map(quantity))
        }
        try write(valid, validity)
        return maps
    }
}
