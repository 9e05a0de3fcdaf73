import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegDICOM
import SegData
import SegImaging
import SegInference
import SegStudy

/// `medseg predict`.
struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Segments scans and writes masks on their own grids.",
        discussion: """
            The mask of INPUT scan.nii.gz is DIR/scan_mask.nii.gz, with the scan's geometry and in its format \
            (DIR/scan_mask.nrrd for scan.nrrd) unless --format is given. The mask of a folder or file of DICOM is a \
            NIfTI file named after the folder, on the grid of the stacked slices. With --uncertainty N the network \
            predicts N times with dropout on. The mask is then computed from the mean, and \
            DIR/scan_uncertainty_mean.nii.gz, _variance, _entropy, _mutual_information (nats) and _validity are \
            written beside it; validity is 0 for voxels that the network did not process, where the other maps \
            are undefined. --mirror and several --model add samples and write the same maps. --dicom-seg and --rtstruct \
            also write the mask of a DICOM series as DICOM, DIR/scan_seg.dcm and DIR/scan_rtstruct.dcm. These carry \
            the patient's name and ID, so that they can be filed with the study; no other file does. A model of \
            regions that may overlap (one threshold per channel) gives one map of 0 and 1 per region, along the fourth \
            axis of a NIfTI file.

            Many scans may be divided among processes: each runs the same command with its own --shard, and a last run \
            with --collect checks that none is missing. See docs/scale.md.
            """)

    @Argument(
        help: """
            Scans: NIfTI, NRRD or MetaImage files or folders of them, folders or ZIPs of DICOM series, multi-frame \
            DICOM files. For a model with several channels: the scans of one case in the model's order, or scans of \
            several cases named CASE_0000…, CASE_0001… as in nnU-Net.
            """)
    var inputs: [String]

    @OptionGroup var model: ModelOptions
    @OptionGroup var dicom: DicomOptions
    @OptionGroup var dicomOutput: DicomOutputOptions
    @OptionGroup var uncertainty: UncertaintyArguments
    @OptionGroup var postprocessing: PostProcessingArguments
    @OptionGroup var shards: ShardOptions
    @OptionGroup var memory: MemoryArguments
    @OptionGroup var device: DeviceOptions
    @OptionGroup var printing: PrintingOptions

    @Option(help: "The folder for the masks.")
    var out: String

    @Option(
        help:
            "The format of masks and maps: \(VolumeFormat.choices); by default the scan's, for DICOM nii.gz."
    )
    var format: VolumeFormat?

    @Flag(help: "Also write the probability of each foreground class, or of each region.")
    var probabilities = false

    @Flag(help: "Also draw the mask over three slices of the scan and, with --uncertainty, the variance, as PNG.")
    var figure = false

    @Flag(
        help: """
            Also write volume and mean intensity (HU) of every label: SCAN_report.json, and report.csv of all scans; with \
            --force the rows of other scans in it are kept.
            """)
    var report = false

    @Flag(
        help: """
            Also print the time of each stage, from decompressing the scan to compressing the mask: wall-clock seconds \
            and CPU seconds of all threads. The line "the rest" is drawing, reports and the accumulation of samples.
            """)
    var stages = false

    @Flag(
        help: "Write over existing files, and remove files of an earlier prediction that this one does not write.")
    var force = false

    /// The path of the table of all scans.
    var table: String { "\(out)/report.csv" }

    func run() throws {
        for input in inputs where !FileManager.default.fileExists(atPath: input) {
            throw DataError(.noInput, input, "does not exist")
        }
        try dicom.register(for: inputs)
        let part = try shards.part()
        // Wrong options and clashing outputs are reported before a model is loaded.
        try dicomOutput.check(plan(channels: model.inputChannels ?? 1).map(\.input))
        _ = try (uncertainty.options(models: max(model.model.count, 1)), postprocessing.added(to: PostProcessing()))
        let backend = try device.makeBackend(quiet: printing.quiet)
        var segmenter = try uncertainty.segmenter(model.makeEnsemble(on: backend))
        segmenter.postprocessing = try postprocessing.added(to: segmenter.postprocessing, of: segmenter)
        segmenter.keepsPrediction = probabilities
        segmenter.memory = try memory.budget(limit: device.memoryLimit(), on: backend, quiet: printing.quiet)
        let jobs = try plan(channels: segmenter.inputChannels) { if !printing.quiet { note($0) } }
        if memory.memoryPlan { return try memory.show(jobs, with: segmenter) }
        let dicomOutput = try dicomOutput.prepared(for: segmenter, model: model.name)
        for (name, isAsked) in [("--report", report), ("--figure", figure), ("--probabilities", probabilities)]
        where isAsked { try segmenter.checkRestores(for: name) }
        if figure { try segmenter.checkClasses(for: "--figure") }
        if segmenter.hasRegions { try refuseSingleMaps(jobs) }
        if segmenter.uncertainty != nil { try segmenter.checkRestores(for: "the map of its uncertainty") }
        var extras = PredictionFiles.Extras(
            probabilities: probabilities, figure: figure, report: report, uncertainty: segmenter.uncertainty != nil)
        (extras.segmentation, extras.structures) = (dicomOutput?.segmentation != nil, dicomOutput?.structures ?? false)
        if shards.collect { return try collect(jobs, extras, labels: segmenter.writtenLabelNumbers) }
        if let part {
            return try OutputFolder.filling(out) {
                let record = try ShardRecord.begin(out, work(jobs), replacing: force)
                let left = try unfinished(jobs, of: part, record, extras, labels: segmenter.writtenLabelNumbers)
                try predict(left, with: segmenter, extras, dicomOutput, into: nil, record)
            }
        }
        for job in jobs {
            for path in job.all(extras, labels: segmenter.writtenLabelNumbers) {
                try OutputFolder.refuseExisting(path, force: force)
            }
        }
        if report { try OutputFolder.refuseExisting(table, force: force) }
        let earlier = report ? try ScanTable(path: table) : nil
        DurableFile.removeLeftovers(in: out)
        if force { ShardRecord.forget(out) }
        try OutputFolder.filling(out) { try predict(jobs, with: segmenter, extras, dicomOutput, into: earlier) }
    }

    /// The kinds of errors that concern one scan and not the others, such as several series in a DICOM folder.
    private static let faultsOfAScan: Set<DataError.Kind> = [.noInput, .badData, .tooLarge, .badArgument, .unavailable]

    /// Predicts one scan after another; a scan that fails does not stop the others.
    private func predict(
        _ jobs: [PredictionFiles], with segmenter: Segmenter, _ extras: PredictionFiles.Extras,
        _ dicomOutput: DicomOutput?, into table: ScanTable?, _ record: ShardRecord? = nil
    ) throws {
        var failures: [any Error] = []
        var reports: [ScanReport] = []
        for job in jobs {
            do {
                try record?.mark(job.stem, .begun)
                reports.append(try timed { try predict(job, with: segmenter, dicomOutput) })
                if force { try job.removeAllBut(extras, labels: segmenter.writtenLabelNumbers) }
                try record?.mark(job.stem, .done)
            } catch let error as DataError
                where (jobs.count > 1 || record != nil) && Self.faultsOfAScan.contains(error.kind)
            {
                note("medseg: \(error)")
                failures.append(error)
                try record?.mark(job.stem, .failed(error.message))
            }
        }
        if var table {
            table.add(reports)
            try table.write()
        }
        if let first = failures.first {
            throw PartialFailure(
                cause: first, "\(failures.count) of \(jobs.count) scans could not be segmented; see above")
        }
    }

    /// Runs the stages of a scan, and with --stages prints their times.
    private func timed(_ work: () throws -> ScanReport) throws -> ScanReport {
        guard stages else { return try work() }
        let clock = StageClock()
        defer { print(clock) }
        return try StageClock.$current.withValue(clock, operation: work)
    }

    private func predict(
        _ job: PredictionFiles, with segmenter: Segmenter, _ dicomOutput: DicomOutput?
    ) throws -> ScanReport {
        let start = Date()
        let (image, geometries) = try ScanFile.readImage(job.channels) { note("\($0): \($1)") }
        let (scan, geometry) = (image.volume(0), geometries[0])
        try dicomOutput?.check(geometry, scan: job.input)
        let concerns = StageClock.time("check") { self.concerns(about: image, geometries, of: job, with: segmenter) }
        for concern in concerns where concern.level == .warning { note("\(job.input): \(concern.message)") }
        var bar = ProgressBar("predict \(job.stem)", quiet: printing.quiet)
        let found = try segmenter(image, name: job.input) { done, count in
            bar.show(Double(done) / Double(count), "window \(done) of \(count)")
        }
        bar.finish()
        for concern in found.concerns { note("\(job.input): \(concern.message)") }
        let maps = try job.write(
            found, probabilities: probabilities, like: geometry, size: scan.size,
            overwrite: force || shards.isDivided)
        try dicomOutput?.write(
            found.maps, areRegions: found.hasRegions, of: geometry, scan: job.input,
            to: (job.segmentation, job.structures)
        ) { note("\(job.input): \($0)") }
        let measured = StageClock.time("measure") {
            ScanReport(
                scan: job.stem, model: model.name, segmenter: segmenter, found: found,
                volume: found.isOnScan ? scan : found.maskVolume, maps: maps,
                concerns: concerns, probabilities: probabilities, seconds: Date().timeIntervalSince(start))
        }
        if report { try OutputFolder.write(measured.json(), to: job.report) }
        if figure {
            try OverlayFigure(
                scan: scan, mask: found.mask, reference: nil, title: job.stem, subtitle: "predicted by MedSeg",
                labels: segmenter.labels
            ).write(to: job.figure)
            if let uncertain = found.uncertain {
                try UncertaintyFigure(scan: scan, uncertain: uncertain, title: job.stem)
                    .write(to: job.uncertaintyFigure)
            }
        }
        if found.isEmpty { note("\(job.input): nothing was found; the mask is empty") }
        let samples = found.uncertain.map { ", \($0.samples) samples" } ?? ""
        print("\(job.mask): \(measured.summary)\(samples), \(duration(Date().timeIntervalSince(start)))")
        return measured
    }

    /// Refuses formats that hold one map if the model's masks are several maps.
    private func refuseSingleMaps(_ jobs: [PredictionFiles]) throws {
        for job in jobs where !ScanFile.holdsSeveralMaps(job.mask) {
            throw UsageError(
                "\(job.mask): the model predicts regions, one map for each, and only a NIfTI file can hold several maps; "
                    + "use --format nii.gz")
        }
    }

    /// The differences between the channels of a case and the models' training data; a concern about a further channel
    /// begins with the name of its file or its number.
    private func concerns(
        about image: ScanImage, _ geometries: [ScanGeometry], of job: PredictionFiles, with segmenter: Segmenter
    ) -> [Concern] {
        var concerns = segmenter.concerns(about: image.volume(0), geometries[0])
        for channel in image.channels.indices.dropFirst() {
            // One file may hold all channels.
            let geometry = geometries.count > 1 ? geometries[channel] : geometries[0]
            let name = geometries.count > 1 ? ScanFile.stem(of: job.channels[channel]) : "channel \(channel)"
            for var concern in segmenter.concerns(about: image.volume(channel), geometry)
            where !concerns.contains(concern) {
                concern.message = "\(name): \(concern.message)"
                concerns.append(concern)
            }
        }
        return concerns
    }

    /// The name of a scan; for `.` and `..` the name of that folder.
    private func stem(of input: String) -> String {
        let name = model.nnunet.isEmpty ? ScanFile.stem(of: input) : CaseChannels(files: [input]).name
        return [".", ".."].contains(name) ? URL(fileURLWithPath: input).standardizedFileURL.lastPathComponent : name
    }

    /// The scans of the inputs, with a folder replaced by the scans in it, sorted by name; and whether there is such a
    /// folder. A folder without scans is left to the DICOM readers.
    private static func scans(of inputs: [String]) throws -> (files: [String], isFolder: Bool) {
        var (files, isFolder): ([String], Bool) = ([], false)
        for input in inputs {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: input)) ?? []
            let scans = names.filter { name in
                ScanFile.singleFileEndings.contains(where: name.lowercased().hasSuffix) && !name.hasPrefix(".")
            }
            if !scans.isEmpty, DicomSource.isDicom(input) {
                throw UsageError(
                    "\(input) holds a DICOM series and \(scans.count) other scans, such as \(scans.sorted()[0]); "
                        + "give the files, or put the series into a folder of its own")
            }
            isFolder = isFolder || !scans.isEmpty
            files += scans.isEmpty ? [input] : scans.sorted().map { "\(input)/\($0)" }
        }
        return (files, isFolder)
    }

    /// The output files of each case; clashes are found before anything is computed.
    /// - Parameters:
    ///   - channels: The number of scans that are the channels of one case.
    ///   - note: Called with a sentence if the numbers of a case contradict the given order.
    private func plan(channels: Int, note: (String) -> Void = { _ in }) throws -> [PredictionFiles] {
        let (scans, isFolder) = try Self.scans(of: inputs)
        let cases =
            channels == 1
            ? scans.map { CaseChannels(name: stem(of: $0), files: [$0]) }
            : try CaseChannels.group(scans, by: channels, note: note)
        let jobs = cases.map {
            PredictionFiles(
                channels: $0.files, stem: $0.name, folder: out, ending: format?.ending,
                isMaskPlain: isFolder && !model.nnunet.isEmpty)
        }
        let paths = Set(scans.map { URL(fileURLWithPath: $0).standardizedFileURL.path })
        for job in jobs where paths.contains(URL(fileURLWithPath: job.mask).standardizedFileURL.path) {
            throw UsageError("\(job.mask) is a scan that the mask would overwrite; give another folder with --out")
        }
        for (stem, same) in Dictionary(grouping: jobs, by: \.stem).sorted(by: { $0.key < $1.key }) {
            guard same.count == 1 else {
                let names = same.map(\.input).joined(separator: " and ")
                throw UsageError(
                    "the files of \(names) would both be called \(out)/\(stem)_…; predict them into different folders")
            }
            try OutputFolder.refuseExisting(same[0].mask, force: force || shards.isDivided)
        }
        return jobs
    }
}
