internal import Foundation
internal import SegCore
internal import SegImaging

/// The properties of a case that are compared with the other cases.
struct CaseRecord {
    var name: String
    var image: String
    /// Voxel edges in mm along right, anterior, superior; nil if the image cannot be read.
    var spacing: [Double]?
    /// Whether the affine looks like one that a conversion wrote.
    var hasConvertedAffine = false
    /// SHA-256 of the image's files.
    var digest: String?
    /// The classes of the label map.
    var classes: Set<Int> = []
}

/// The checks of a single case.
struct CaseExamination {
    private(set) var findings: [DatasetFinding] = []
    private(set) var record: CaseRecord
    private let name: String
    private let dataset: Dataset
    private let plan: DatasetDoctor.Plan?

    init(_ name: String, of dataset: Dataset, plan: DatasetDoctor.Plan?) {
        self.name = name
        self.dataset = dataset
        self.plan = plan
        record = CaseRecord(name: name, image: "")
    }

    private var labels: [Int: String] { dataset.labels }
    private var ignoredLabel: Int? { dataset.ignoredLabel }
    private var channelNames: [String] { dataset.channelNames }

    /// Examines a case's scans, one per channel, and its label map if there is one.
    mutating func examine(_ images: [String], label: String?) {
        record.image = images[0]
        let scan = image(of: images)
        var prepared: Preprocessing.Prepared?
        if let scan {
            let files = images.flatMap { (try? ScanFile.layout(of: $0).files) ?? [$0] }
            record.digest = try? files.map { try ContentDigest.of(file: $0, .sha256) }.joined(separator: " ")
            checkChannels(scan.channels.count, images)
            if takes(scan.channels.count, images[0]) { prepared = checkWindow(scan, images[0]) }
        }
        let classes = labels
        guard let label,
            let (mask, _) = read(
                label,
                { file, limits throws(DataError) in
                    try ScanFile.readLabel(file, of: images[0], classes: classes, limits: limits)
                })
        else { return }
        checkClasses(mask, label)
        checkTrained(mask, label)
        guard let scan else { return }
        do {
            try scan.volume(0).checkMatches(label: mask, imageName: images[0], labelName: label)
        } catch {
            return add(
                .geometry, .error, label, error.told(of: label),
                "resample the label map to its image or repair its header")
        }
        checkOffset(mask, label, of: scan, images[0])
        if let prepared { checkVanished(mask, prepared, label) }
    }

    /// Reports a label map that is less than half a voxel off its image: its voxels are used as if they were not.
    private mutating func checkOffset(_ mask: Volume, _ label: String, of scan: ScanImage, _ image: String) {
        guard let apart = scan.volume(0).offset(of: mask) else { return }
        add(
            .geometry, .warning, label,
            String(format: "it lies %.3f mm off ", apart)
                + "\(image) at a corner, less than half a voxel, and is treated as if on the same grid",
            "copy the image's affine into its header if it was drawn on the image's voxels, otherwise resample it to the image"
        )
    }

    /// The scans as one image, after each scan is examined; nil if one cannot be read or does not fit the first.
    private mutating func image(of files: [String]) -> ScanImage? {
        var volumes: [Volume] = []
        for (number, file) in files.enumerated() {
            guard let (image, geometry) = read(file, Self.readChannels) else { continue }
            checkUnit(geometry, file)
            checkGrid(image.volume(0), geometry, file, isFirst: number == 0)
            for channel in image.channels.indices {
                let count = max(files.count, image.channels.count)
                checkIntensities(image.volume(channel), file, isCT: isCT(number + channel, of: count))
            }
            if files.count == 1 { return image }
            guard image.channels.count == 1 else {
                add(
                    .channels, .error, file,
                    "it holds \(image.channels.count) volumes, but is one of \(files.count) files of a case",
                    "give the case one 4-D file, or one 3-D file per channel")
                continue
            }
            volumes.append(image.volume(0))
        }
        guard volumes.count == files.count else { return nil }
        var notes: [(file: String, text: String)] = []
        do {
            let image = try ScanImage(volumes, names: files) { notes.append(($0, $1)) }
            for (file, text) in notes {
                add(
                    .channelGeometry, .warning, file, text,
                    "check that it is from the same patient and session as \(files[0])")
            }
            return image
        } catch {
            add(
                .channelGeometry, .error, error.subject, error.message,
                "find this patient's channel, or remove the case")
            return nil
        }
    }

    private static func readChannels(
        _ file: String, _ limits: ScanLimits
    ) throws(DataError) -> (ScanImage, ScanGeometry) {
        let (image, geometries) = try ScanFile.readImage([file], limits: limits)
        return (image, geometries[0])
    }

    /// Checks that the case has as many channels as the index, and that the files' names follow the index's order.
    private mutating func checkChannels(_ count: Int, _ files: [String]) {
        guard !channelNames.isEmpty else { return }
        guard count == channelNames.count else {
            return add(
                .channels, .error, files[0],
                "the case has \(count) channel\(count == 1 ? "" : "s"), but the index names \(channelNames.count)",
                "add the missing scans, or correct the channels' names in dataset.json")
        }
        guard files.count > 1 else { return }
        for (number, file) in files.enumerated() {
            let words = Self.words(of: file)
            guard !words.contains(channelNames[number].lowercased()),
                let other = channelNames.indices.first(where: { words.contains(channelNames[$0].lowercased()) })
            else { continue }
            add(
                .channels, .warning, file,
                "it is channel \(number), '\(channelNames[number])', but its name contains '\(channelNames[other])'",
                "put the case's files in the order of the index's channels")
        }
    }

    /// Checks that a case has as many channels as the plan's network takes.
    private mutating func takes(_ count: Int, _ file: String) -> Bool {
        guard let expected = plan?.channels else { return true }
        do {
            try PreparedCase.check(channels: count, of: expected, file: file)
            return true
        } catch {
            add(.channels, .error, file, error.told(of: file), "correct in_channels, or give the case other scans")
            return false
        }
    }

    /// The words of a file's name, as in `patient_03-FLAIR.nii.gz`.
    private static func words(of file: String) -> Set<String> {
        Set(ScanFile.stem(of: file).lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init))
    }

    /// Whether a channel is CT. A dataset of one channel without a channel name counts as CT, because intensity windows
    /// are made for CT.
    private func isCT(_ channel: Int, of count: Int) -> Bool {
        guard !channelNames.isEmpty else { return count == 1 }
        return dataset.isCT(channel: channel) ?? false
    }

    private mutating func add(
        _ defect: DatasetFinding.Defect, _ severity: DatasetFinding.Severity, _ file: String, _ finding: String,
        _ mend: String
    ) {
        findings.append(
            DatasetFinding(
                name: name, file: file, defect: defect, severity: severity, finding: finding, mend: mend))
    }

    private mutating func read<Content>(
        _ file: String, _ read: (String, ScanLimits) throws(DataError) -> (Content, ScanGeometry)
    ) -> (Content, ScanGeometry)? {
        guard FileManager.default.fileExists(atPath: file) else {
            add(.missingFile, .error, file, "the index names it but it is missing", "restore it or remove the case")
            return nil
        }
        checkTwin(file)
        do {
            return try read(file, ScanLimits())
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
            "check the voxel size; if they are in millimetres, correct the unit (xyzt_units of a NIfTI)"
        )
    }

    private mutating func checkTwin(_ file: String) {
        guard let ending = ScanFile.ending(of: file) else { return }
        let stem = file.dropLast(ending.count)
        let others = ScanFile.singleFileEndings.filter { $0 != ending }.map { stem + $0 }
        guard let twin = others.first(where: { FileManager.default.fileExists(atPath: String($0)) }) else { return }
        add(
            .twin, .warning, file, "\(twin) exists beside it and is not read",
            "keep the right file, because other programs may read the other one")
    }

    /// Reports classes that resampling to the network's grid removes: training would never see them.
    private mutating func checkVanished(_ mask: Volume, _ prepared: Preprocessing.Prepared, _ file: String) {
        guard let plan, let label = try? plan.preprocessing.labels(mask, for: prepared, name: file),
            let numbers = try? LabelMap.numbers(of: label, file: file)
        else { return }
        let learnt = (plan.labels.groups ?? plan.labels.regions).map { Set($0.flatMap(\.numbers)) } ?? record.classes
        let lost = record.classes.intersection(learnt).subtracting(Self.numbers(in: numbers))
            .subtracting([0, ignoredLabel ?? 0]).sorted()
        guard !lost.isEmpty else { return }
        let names = lost.map { labels[$0] ?? "class \($0)" }
        add(
            .vanishedClass, .warning, file,
            "the network's grid has no voxel of \(names.shortList()); it has \(label.size) voxels, the label map \(mask.size)",
            "use a smaller pixdim, or leave the case out of training and validation")
    }

    /// The numbers that occur in a label map.
    private static func numbers(in labels: [UInt16]) -> Set<Int> {
        var occurs = [Bool](repeating: false, count: 1 << 16)
        for number in labels { occurs[Int(number)] = true }
        return Set(occurs.indices.filter { occurs[$0] })
    }

    /// Checks shear and the agreement of sform and qform, and records spacing and whether the affine looks converted.
    private mutating func checkGrid(_ scan: Volume, _ geometry: ScanGeometry, _ file: String, isFirst: Bool) {
        // The case is compared with other cases by its first scan.
        if isFirst {
            let directions = scan.affine.orientation
            record.spacing = (0..<3).map { world in
                directions.firstIndex { $0.world == world }.map { scan.spacing[$0] } ?? 0
            }
            record.hasConvertedAffine = scan.hasConvertedAffine
        }
        if scan.affine.isSheared {
            add(
                .sheared, .warning, file, "its voxel axes are not perpendicular, as after a tilted gantry",
                "resample it to a straight grid, because the network gets it sheared")
        }
        if let apart = geometry.distanceBetweenForms(size: scan.size), apart > (scan.spacing.min() ?? 1) / 2 {
            add(
                .formConflict, .warning, file,
                String(format: "its sform and qform place a corner %.1f mm apart; the sform is used", apart),
                "find out which is right and write it to both")
        }
    }

    /// Prepares the scan for the network and checks that the prepared scan is at least as large as the window. Returns
    /// nil without a plan or if the scan cannot be prepared.
    private mutating func checkWindow(_ scan: ScanImage, _ file: String) -> Preprocessing.Prepared? {
        guard let plan, scan.nonFiniteCount == 0 else { return nil }
        do {
            let prepared = try plan.preprocessing(scan, name: file)
            let size = prepared.image.size
            guard (0..<3).contains(where: { size[$0] < plan.window[$0] }) else { return prepared }
            add(
                .windowTooLarge, plan.pads ? .warning : .error, file,
                "it is \(size) voxels on the network's grid, but the window is \(plan.window)",
                plan.pads
                    ? "it will be padded; use a smaller roi_size if this concerns many cases"
                    : "set sampling.pad: true or use a smaller roi_size")
            return prepared
        } catch {
            add(.intensityRange, .error, file, error.told(of: file), "correct the preprocessing or the scan")
            return nil
        }
    }

    private mutating func checkIntensities(_ scan: Volume, _ file: String, isCT: Bool) {
        let broken = scan.nonFiniteCount
        guard broken == 0 else {
            return add(
                .notFinite, .error, file, "\(broken) voxels are NaN or infinite", "replace them, in a CT by -1024")
        }
        guard isCT, let low = scan.voxels.min(), let high = scan.voxels.max() else { return }
        let range = "its values go from \(low) to \(high)"
        if low > Self.airHU {
            add(
                .intensityRange, .warning, file, "\(range); a CT in Hounsfield units has air near -1000",
                "export it with its rescale slope and intercept; if it is not a CT, correct 'modality' in dataset.json")
        } else if high < Self.tissueHU {
            add(
                .intensityRange, .warning, file, "\(range); a CT of a patient has tissue above 0 HU",
                "export it with its rescale slope and intercept")
        }
    }

    /// Every CT contains a voxel darker than `airHU` and one brighter than `tissueHU`, in HU.
    private static let airHU: Float = -150
    private static let tissueHU: Float = 20

    /// Checks that the plan's network has a class for each number of a label map, unless the index does not know the number.
    private mutating func checkTrained(_ mask: Volume, _ file: String) {
        guard let plan, plan.refusal == nil, let count = plan.classes, !record.classes.isEmpty,
            record.classes.isSubset(of: Set(labels.keys).union([0, ignoredLabel ?? 0]))
        else { return }
        do {
            _ = try plan.labels.classes(of: mask, count: count, file: file)
        } catch {
            add(.labelValues, .error, file, error.told(of: file), "correct out_channels or labels in the configuration")
        }
    }

    private mutating func checkClasses(_ mask: Volume, _ file: String) {
        do {
            record.classes = Self.numbers(in: try LabelMap.numbers(of: mask, file: file))
        } catch {
            return add(
                .labelValues, .error, file, error.told(of: file), "store class numbers; do not interpolate labels"
            )
        }
        let unknown = record.classes.subtracting(labels.keys).subtracting([0, ignoredLabel ?? 0]).sorted()
        if !unknown.isEmpty {
            add(
                .labelValues, .error, file,
                "it holds \(unknown.map(String.init).joined(separator: ", ")), which the index does not name",
                "add them to 'labels' in dataset.json or correct the label map")
        } else if record.classes.subtracting([0]).isEmpty {
            add(
                .emptyMask, .warning, file, "it contains only background",
                "if the organ is visible, label it; if the case is healthy, keep it: it trains as background")
        }
    }
}

extension DataError {
    /// The message for a finding that already names the file.
    func told(of file: String) -> String {
        (subject == file ? "" : "\(subject): ") + (key.map { "\($0): " } ?? "") + message
    }
}
