import ArgumentParser
import Foundation
import SegCore
import SegImaging
import SegInference
import SegNNUNet
import SegStudy

/// `medseg totalsegmentator`.
struct TotalSegmentatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "totalsegmentator",
        abstract: "Segments a scan of the body with TotalSegmentator's models from a local folder.",
        discussion: """
            Nothing is downloaded: --weights is the folder with Dataset291_…, Dataset292_… and so on, as unpacked from \
            TotalSegmentator's releases. The label map of scan.nii.gz is DIR/scan_total.nii.gz on the scan's grid, \
            with the names of the labels in its NIfTI header. For a DICOM series --dicom-seg and --rtstruct also write \
            it as DICOM, which carries the patient's identity. The steps before and after the models are those of \
            TotalSegmentator 2.18. Its open models have the licence Apache-2.0; others need a licence of their own.
            """)

    @Argument(help: "The scan: NIfTI, NRRD, MetaImage, or a folder or ZIP of a DICOM series.")
    var input: String

    @Option(help: "The folder of the models.")
    var weights: String

    @Option(help: "The folder for the label map.")
    var out: String

    @Option(help: "The task: total for CT, or total_mr for MR.")
    var task = "total"

    @Flag(help: "Use voxels of 3 mm and one model, in place of 1.5 mm and several.")
    var fast = false

    @Flag(help: "Use voxels of 6 mm.")
    var fastest = false

    @Option(help: "Only these organs, separated by commas, such as spleen,liver; a coarse model locates them first.")
    var roiSubset: String?

    @Flag(
        help: "Also write volume (mm³) and mean intensity of each label: DIR/scan_statistics.json.")
    var statistics = false

    @OptionGroup var dicom: DicomOptions
    @OptionGroup var dicomOutput: DicomOutputOptions
    @OptionGroup var device: DeviceOptions
    @OptionGroup var printing: PrintingOptions

    @Flag(help: "Write over existing files.")
    var force = false

    func run() throws {
        guard !fast || !fastest else {
            throw UsageError("--fast and --fastest set different voxel sizes; give one of them")
        }
        let resolution: TotalSegmentatorTask.Resolution = fast ? .fast : fastest ? .fastest : .standard
        guard let task = TotalSegmentatorTask(task, resolution) else {
            let known = TotalSegmentatorTask.names.joined(separator: ", ")
            throw UsageError(
                "--task '\(task)' is not supported; supported: \(known). Its model is an nnU-Net model: medseg predict "
                    + "--nnunet runs it, without TotalSegmentator's resampling and crop")
        }
        try dicom.register(for: [input])
        try dicomOutput.check([input])
        let stem = ScanFile.stem(of: input)
        let mask = "\(out)/\(stem)_\(task.name)\(ScanFile.maskEnding(like: input))"
        let table = statistics ? "\(out)/\(stem)_statistics.json" : nil
        let objects = (segmentation: "\(out)/\(stem)_seg.dcm", structures: "\(out)/\(stem)_rtstruct.dcm")
        let asked = [
            dicomOutput.dicomSeg == nil ? nil : objects.segmentation, dicomOutput.rtstruct ? objects.structures : nil,
        ]
        for file in [mask, table] + asked { try OutputFolder.refuseExisting(file, force: force) }
        let scan: Volume
        var geometry: ScanGeometry
        (scan, geometry) = try ScanFile.readVolume(input)
        let names = roiSubset?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } ?? []
        let backend = try device.makeBackend(quiet: printing.quiet)
        let segmenter = try TotalSegmentator(task, weights: weights, subset: names, on: backend)
        let wanted = segmenter.labels.filter { label in segmenter.subset?.contains(UInt8(label.key)) ?? true }
        let dicomOutput = try dicomOutput.prepared(names: wanted, model: "TotalSegmentator \(task.name)")
        try dicomOutput?.check(geometry, scan: input)
        let start = Date()
        var bar = ProgressBar(stem, quiet: printing.quiet)
        let found = try segmenter(scan, name: input) { what, done, count in
            bar.show(Double(done) / Double(count), "\(what), window \(done) of \(count)")
        }
        bar.finish()
        geometry.labels = wanted
        try OutputFolder.filling(out) {
            try ScanFile.write(found.mask, size: scan.size, like: geometry, to: mask, overwrite: force)
            try dicomOutput?.write([found.mask], areRegions: false, of: geometry, scan: input, to: objects) {
                note("\(input): \($0)")
            }
            if let table { try write(found.statistics(labels: wanted, of: scan, task), to: table) }
        }
        let count = Set(found.mask).subtracting([0]).count
        print("\(mask): \(count) of \(wanted.count) labels found, \(duration(Date().timeIntervalSince(start)))")
    }

    /// TotalSegmentator's `statistics.json`.
    private func write(_ rows: [String: (volume: Double, intensity: Double)], to file: String) throws {
        let entries = rows.mapValues { row -> ConfigValue in
            ["volume": .double(row.volume), "intensity": .double(row.intensity)]
        }
        try DurableFile.write(Array(try ConfigValue.object(entries).jsonText().utf8), to: file)
    }
}
