internal import Foundation
internal import SegCore
internal import SegImaging

/// What of a case is compared with the other cases.
struct CaseRecord {
    var name: String
    var image: String
    /// Voxel edges in mm along right, anterior, superior; nil where the image cannot be read.
    var spacing: [Double]?
    /// Whether the affine looks made up by a conversion.
    var hasConvertedAffine = false
    /// SHA-256 of the image's file, or of its two.
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
        var prepared: Preprocessing.Prepared?
        if let (volume, geometry) = scan {
            let files = (try? ScanFile.layout(of: image).files) ?? [image]
            record.digest = try? files.map { try ContentDigest.of(file: $0, .sha256) }.joined(separator: " ")
            checkUnit(geometry, image)
            checkGrid(volume, geometry, image)
            prepared = checkWindow(volume, image)
            checkIntensities(volume, image)
        }
        guard let label, let (mask, _) = read(label) else { return }
        checkClasses(mask, label)
        guard let (volume, _) = scan else { return }
        do {
            try volume.checkMatches(label: mask, imageName: image, labelName: label)
        } catch {
            return add(
                .geometry, .error, label, error.told(of: label),
                "resample the label map to its image or repair its header")
        }
        if let prepared { checkVanished(mask, prepared, label) }
    }

    private mutating func add(
        _ defect: DatasetFinding.Defect, _ severity: DatasetFinding.Severity, _ file: String, _ finding: String,
        _ mend: String
    ) {
        findings.append(
            DatasetFinding(
                name: name, file: file, defect: defect, severity: severity, finding: finding, mend: mend))
    }

    private mutating func read(_ file: String) -> (Volume, ScanGeometry)? {
        guard FileManager.default.fileExists(atPath: file) else {
            add(.missingFile, .error, file, "the index names it but it is not there", "restore it or take the case out")
            return nil
        }
        checkTwin(file)
        do {
            return try ScanFile.readVolume(file)
        } catch {
            add(.unreadable, .error, file, error.told(of: file), "copy, download or export the file again")
            return nil
        }
    }

    private mutating func checkUnit(_ geometry: ScanGeometry, _ file: String) {
        let unit = geometry.unit
        guard unit.millimetres != 1 else { return }
        add(
            .otherUnit, .warning, file, "its header gives lengths in \(unit)s, not in millimetres",
            "make sure that its voxels are of that size; if they are in millimetres, correct the unit (xyzt_units of a NIfTI)"
        )
    }

    private mutating func checkTwin(_ file: String) {
        guard let ending = ScanFile.ending(of: file) else { return }
        let stem = file.dropLast(ending.count)
        let others = ScanFile.singleFileEndings.filter { $0 != ending }.map { stem + $0 }
        guard let twin = others.first(where: { FileManager.default.fileExists(atPath: String($0)) }) else { return }
        add(
            .twin, .warning, file, "\(twin) lies beside it and is not read",
            "keep the one that is right, for other programs may take the other")
    }

    /// Classes that resampling to the network's grid removes: a training would never see them.
    private mutating func checkVanished(_ mask: Volume, _ prepared: Preprocessing.Prepared, _ file: String) {
        guard let plan, let label = try? plan.preprocessing.labels(mask, for: prepared, name: file),
            let classes = try? LabelMap.classes(of: label, file: file)
        else { return }
        let lost = record.classes.subtracting(Self.numbers(in: classes)).subtracting([0]).sorted()
        guard !lost.isEmpty else { return }
        let names = lost.map { labels[$0] ?? "class \($0)" }
        add(
            .vanishedClass, .warning, file,
            "on the network's grid no voxel is \(names.shortList()) any more; its \(mask.size) become \(label.size)",
            "take a smaller pixdim, or take the case out of training and validation")
    }

    /// The class numbers that occur.
    private static func numbers(in classes: [UInt8]) -> Set<Int> {
        var occurs = [Bool](repeating: false, count: 256)
        for number in classes { occurs[Int(number)] = true }
        return Set(occurs.indices.filter { occurs[$0] })
    }

    /// Shear, the two forms and the made-up affine.
    private mutating func checkGrid(_ scan: Volume, _ geometry: ScanGeometry, _ file: String) {
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
        if let apart = geometry.distanceBetweenForms(size: scan.size), apart > (scan.spacing.min() ?? 1) / 2 {
            add(
                .formConflict, .warning, file,
                String(format: "its sform and qform put a corner %.1f mm apart; the sform is used", apart),
                "find out which is right and write both alike")
        }
    }

    /// The scan on the network's grid, held against the window; nil without a plan or where it cannot be prepared.
    private mutating func checkWindow(_ scan: Volume, _ file: String) -> Preprocessing.Prepared? {
        guard let plan, scan.nonFiniteCount == 0 else { return nil }
        do {
            let prepared = try plan.preprocessing(scan, name: file)
            let size = prepared.image.size
            guard (0..<3).contains(where: { size[$0] < plan.window[$0] }) else { return prepared }
            add(
                .windowTooLarge, plan.pads ? .warning : .error, file,
                "it is \(size) voxels on the network's grid, the window \(plan.window)",
                plan.pads
                    ? "it will be padded; take a smaller roi_size if many cases are"
                    : "set sampling.pad: true or take a smaller roi_size")
            return prepared
        } catch {
            add(.intensityRange, .error, file, error.told(of: file), "correct the preprocessing or the scan")
            return nil
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
        do {
            record.classes = Self.numbers(in: try LabelMap.classes(of: mask, file: file))
        } catch {
            return add(
                .labelValues, .error, file, error.told(of: file), "store whole class numbers; do not interpolate labels"
            )
        }
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

extension DataError {
    /// The message for people who are told the file already.
    fileprivate func told(of file: String) -> String {
        (subject == file ? "" : "\(subject): ") + (key.map { "\($0): " } ?? "") + message
    }
}
