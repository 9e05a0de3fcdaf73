import Foundation
import SegCore
import SegImaging
import SegInference

/// Where what is predicted of a scan goes, and writing it there.
struct PredictionFiles {
    /// What is written beside the mask.
    struct Extras {
        var probabilities = false
        var figure = false
        var report = false
        var uncertainty = false
    }

    /// The scans that are the channels of the case; there is at least one.
    let channels: [String]
    let stem: String
    private let folder: String
    /// The ending of the volumes.
    private var ending: String

    /// - Parameter ending: The ending of the volumes that are written; nil for the scan's own format.
    init(input: String, folder: String, ending: String? = nil) {
        self.init(channels: [input], stem: ScanFile.stem(of: input), folder: folder, ending: ending)
    }

    /// - Parameters:
    ///   - channels: The scans that are the channels of a case, at least one.
    ///   - stem: What the files that are written begin with.
    ///   - ending: The ending of the volumes that are written; nil for the first scan's own format.
    init(channels: [String], stem: String, folder: String, ending: String?) {
        let input = channels[0]
        self.channels = channels
        self.stem = stem
        self.folder = folder
        self.ending = ending ?? ScanFile.maskEnding(like: input)
    }

    /// The scan, or the first of several, by which the case is called in messages.
    var input: String { channels[0] }

    var mask: String { path("mask\(ending)") }
    var figure: String { path("overlay.png") }
    var uncertaintyFigure: String { path("uncertainty.png") }
    var report: String { path("report.json") }
    var validity: String { path("uncertainty_validity\(ending)") }

    func map(_ quantity: UncertainPrediction.Quantity) -> String { path("uncertainty_\(quantity.rawValue)\(ending)") }

    func probability(_ label: Int) -> String { path("probability_\(label)\(ending)") }

    private func path(_ suffix: String) -> String { "\(folder)/\(stem)_\(suffix)" }

    /// Everything that will be written.
    func all(_ extras: Extras, classes: Int) -> [String] {
        var paths = [mask]
        if extras.probabilities { paths += (1..<classes).map(probability) }
        if extras.uncertainty { paths += UncertainPrediction.Quantity.allCases.map(map) + [validity] }
        if extras.figure { paths += [figure] + (extras.uncertainty ? [uncertaintyFigure] : []) }
        if extras.report { paths.append(report) }
        return paths
    }

    /// Removes what an earlier prediction of the scan wrote and this one does not, so that no map lies beside a mask it
    /// does not belong to. A volume that another program wrote stays.
    func removeAllBut(_ extras: Extras, classes: Int) throws {
        let every = Extras(probabilities: true, figure: true, report: true, uncertainty: true)
        // The earlier model may have had more classes, and its volumes another format.
        let known = ScanFile.singleFileEndings.flatMap { ending in
            var earlier = self
            earlier.ending = ending
            return earlier.all(every, classes: ModelDescription.mostClasses + 1)
        }
        for path in Set(known).subtracting(all(extras, classes: classes))
        where FileManager.default.fileExists(atPath: path)
            && (ScanFile.ending(of: path) == nil || ScanFile.isOurs(path))
        {
            guard unlink(path) == 0 else {
                throw DataError(.cannotWrite, path, "of an earlier prediction cannot be removed")
            }
        }
    }

    /// Writes the volumes, with the scan's geometry.
    func write(
        _ found: Segmentation, probabilities: Bool, like geometry: ScanGeometry, size: Size3, overwrite: Bool
    ) throws {
        func write<Value: WritableVoxel>(_ voxels: [Value], _ path: String) throws {
            try ScanFile.write(voxels, size: size, like: geometry, to: path, overwrite: overwrite)
        }
        guard found.isOnScan else {
            // The model leaves its masks on the network's grid.
            return try ScanFile.write(
                found.mask, size: found.size, affine: found.affine, to: mask, overwrite: overwrite)
        }
        try write(found.mask, mask)
        if probabilities {
            for label in 1..<found.prediction.classes {
                try write(found.prediction.probability(of: label), probability(label))
            }
        }
        guard let uncertain = found.uncertain else { return }
        for quantity in UncertainPrediction.Quantity.allCases {
            try write(uncertain.map(quantity), map(quantity))
        }
        try write(uncertain.validity(), validity)
    }
}
