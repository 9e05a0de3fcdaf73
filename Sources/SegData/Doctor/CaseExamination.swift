internal import SegCore
internal import Foundation
internal import SegImaging

/// What of a case is compared with the other cases.
struct CaseRecord {
    var name: String
    var image: String
    /// Voxel edges in mm along right, anterior, superior; nil where the image cannot be read.
    var spacing: [Double]?
    /// Whether the affine looks made up by a conversion.
    var hasConvertedAffine = false
    /// SHA-256 of the image's file.
    var digest: String?
    /// Classes of the label map.
    var classes: Set<Int> = []
}

/// The checks that need one case alone.
struct CaseExamination {
    private(set) var findings: [DatasetFinding] = []
    private(set) var record: CaseRecord
    private let name: String
    private let labels: [Int: String]
    private let isCT: Bool
    private let plan: DatasetDoctor.Plan?

    init(_ name: String, labels: [Int: String], isCT: Bool, plan: DatasetDoctor.Plan?) {
        self.name = name
        self.labels = labels
        self.isCT = isCT
        self.plan = plan
        record = CaseRecord(name: name, image: "")
    }

    /// Examines an image and, where there is one, its label map.
    mutating func examine(image: String, label: String?) {
        record.image = image
        let scan = read(image)
        if let (volume, header) = scan {
            record.digest = try? ContentDigest.of(file: image, .sha256)
            checkGrid(volume, header, image)
            checkIntensities(volume, image)
        }
        guard let label, let (mask, _) = read(label) else { return }
        checkClasses(mask, label)
        guard let (volume, _) = scan else { return }
        do {
            try volume.checkMatches(label: mask, imageName: image, labelName: label)
        } catch {
            add(.geometry, .error, label, error.message, "resample the label map to its image or repair its header")
        }
    }

    private mutating func add(
        _ defect: DatasetFinding.Defect, _ severity: DatasetFinding.Severity, _ file: String, _ finding: String,
        _ mend: String
    ) {
        findings.append(
            DatasetFinding(
                name: name, file: file, defect: defect, severity: severity, finding: finding, mend: mend))
    }

    private mutating func read(_ file: String) -> (Volume, NIfTIHeader)? {
        guard FileManager.default.fileExists(atPath: file) else {
            add(.missingFile, .error, file, "the index names it but it is not there", "restore it or take the case out")
            return nil
        }
        do {
            return try NIfTI.readVolume(file)
        } catch {
            add(.unreadable, .error, file, error.message, "copy, download or export the file again")
            return nil
        }
    }

    /// Shear, the two forms, the made-up affine, and the window.
    private mutating func checkGrid(_ scan: Volume, _ header: NIfTIHeader, _ file: String) {
        let turned = scan.affine.orientation
        record.spacing = (0..<3).map { world in
            turned.firstIndex { $0.world == world }.map { scan.spacing[$0] } ?? 0
        }
        record.hasConvertedAffine = scan.hasConvertedAffine
        if scan.affine.isSheared {
            add(
                .sheared, .warning, file, "its voxel axes are not perpendicular, as after a tilted gantry",
                "resample it to a straight grid, for the network sees it sheared")
        }
        if let apart = header.distanceBetweenForms(size: scan.size), apart > (scan.spacing.min() ?? 1) / 2 {
            add(
                .formConflict, .warning, file,
                String(format: "its sform and qform put a corner %.1f mm apart; the sform is used", apart),
                "find out which is right and write both alike")
        }
        guard let plan, scan.nonFiniteCount == 0 else { return }
        do {
            let size = try plan.preprocessing(scan, name: file).image.size
            guard (0..<3).contains(where: { size[$0] < plan.window[$0] }) else { return }
            add(
                .windowTooLarge, plan.pads ? .warning : .error, file,
                "it is \(size) voxels on the network's grid, the window \(plan.window)",
                plan.pads
                    ? "it will be padded; take a smaller roi_size if many cases are"
                    : "set sampling.pad: true or take a smaller roi_size")
        } catch {
            add(.intensityRange, .error, file, error.message, "correct the preprocessing or the scan")
        }
    }

    private mutating func checkIntensities(_ scan: Volume, _ file: String) {
        let broken = scan.nonFiniteCount
        guard broken == 0 else {
            return add(
                .notFinite, .error, file, "\(broken) voxels are NaN or infinite", "replace them, for a CT by -1024")
        }
        guard isCT, let low = scan.voxels.min(), let high = scan.voxels.max() else { return }
        let range = "its values go from \(low) to \(high)"
        if low > Self.airHU {
            add(
                .intensityRange, .warning, file, "\(range); a CT in Hounsfield units has air near -1000",
                "export it with its rescale slope and intercept; if it is no CT, say so as 'modality' in dataset.json")
        } else if high < Self.tissueHU {
            add(
                .intensityRange, .warning, file, "\(range); a CT of a patient has tissue above 0 HU",
                "export it with its rescale slope and intercept")
        }
    }

    /// Every CT holds something darker than this, and something brighter than that.
    private static let airHU: Float = -150
    private static let tissueHU: Float = 20

    private mutating func checkClasses(_ mask: Volume, _ file: String) {
        let classes: [UInt8]
        do {
            classes = try LabelMap.classes(of: mask, file: file)
        } catch {
            return add(
                .labelValues, .error, file, error.message, "store whole class numbers; do not interpolate labels")
        }
        record.classes = Set(
            classes.reduce(into: [Bool](repeating: false, count: 256)) { $0[Int($1)] = true }
                .enumerated().filter(\.element).map(\.offset))
        let unknown = record.classes.subtracting(labels.keys).subtracting([0]).sorted()
        if !unknown.isEmpty {
            add(
                .labelValues, .error, file,
                "it holds \(unknown.map(String.init).joined(separator: ", ")), which the index does not name",
                "add them to 'labels' in dataset.json or correct the label map")
        } else if record.classes.subtracting([0]).isEmpty {
            add(
                .emptyMask, .error, file, "it is background alone",
                "if the organ is there, label it; if not, take the case out of the training")
        }
    }
}
