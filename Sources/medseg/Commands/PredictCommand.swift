import ArgumentParser
import Foundation
import SegBackend
import SegImaging
import SegInference
import SegModels

/// `medseg predict`.
struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict",
        abstract: "Segments scans and writes masks on their own grids.",
        discussion: "For INPUT scan.nii.gz the mask is DIR/scan_mask.nii.gz, with the scan's geometry.")

    @Argument(help: "Scans: NIfTI files.")
    var inputs: [String]

    @OptionGroup var model: ModelOptions
    @OptionGroup var device: DeviceOptions
    @OptionGroup var printing: PrintingOptions

    @Option(help: "The folder that masks go to.")
    var out: String

    @Flag(help: "Also write the probability of each foreground class.")
    var probabilities = false

    @Flag(help: "Also draw the mask over three slices of the scan, as PNG.")
    var figure = false

    @Flag(help: "Write over existing files.")
    var force = false

    func run() throws {
        let jobs = try plan()
        let backend = try device.makeBackend()
        if device.device == "auto" && !printing.quiet { note("auto takes \(backend.name): \(backend.details)") }
        let predictor = try model.makePredictor(on: backend)
        if probabilities {
            for job in jobs { try (1..<predictor.classes).forEach { try refuseToOverwrite(job.probability($0)) } }
        }
        if figure {
            for job in jobs { try refuseToOverwrite(job.figure) }
        }
        try OutputFolder.make(out)
        var failures: [any Error] = []
        for job in jobs {
            do {
                try predict(job, with: predictor)
            } catch let error as ImagingError where jobs.count > 1 && error.kind == .badData {
                // One broken scan must not cost the others theirs.
                note("medseg: \(error)")
                failures.append(error)
            }
        }
        if let first = failures.first {
            throw PartialFailure(
                cause: first, "\(failures.count) of \(jobs.count) scans could not be segmented; see above")
        }
    }

    private func predict(_ job: Job, with predictor: Predictor) throws {
        let start = Date()
        let (scan, header) = try NIfTI.readVolume(job.input)
        var bar = ProgressBar("predict \(job.stem)", quiet: printing.quiet)
        let prediction = try predictor.predict(scan, name: job.input) { done, count in
            bar.show(Double(done) / Double(count), "window \(done) of \(count)")
        }
        bar.finish()
        let mask = prediction.mask()
        try NIfTI.write(mask, size: scan.size, like: header, to: job.mask, overwrite: force)
        if probabilities {
            for label in 1..<prediction.classes {
                try NIfTI.write(
                    prediction.probability(of: label), size: scan.size, like: header, to: job.probability(label),
                    overwrite: force)
            }
        }
        if figure {
            try OverlayFigure(
                scan: scan, mask: mask, reference: nil, title: job.stem, subtitle: "predicted by MedSeg",
                labels: predictor.description.labels
            ).write(to: job.figure)
        }
        if !mask.contains(where: { $0 > 0 }) { note("\(job.input): nothing was found; the mask is empty") }
        let voxel = scan.affine.spacing.reduce(1, *) / 1000
        let volumes = (1..<prediction.classes).map { label in
            let name = predictor.description.labels[label] ?? "class \(label)"
            return String(format: "%@ %.1f ml", name, Double(mask.count { $0 == UInt8(label) }) * voxel)
        }
        print("\(job.mask): \(volumes.joined(separator: ", ")), \(duration(Date().timeIntervalSince(start)))")
    }

    private struct Job {
        let input: String
        let stem: String
        let folder: String

        var mask: String { "\(folder)/\(stem)_mask.nii.gz" }

        var figure: String { "\(folder)/\(stem)_overlay.png" }

        func probability(_ label: Int) -> String { "\(folder)/\(stem)_probability_\(label).nii.gz" }
    }

    /// What goes where; clashes are found before anything is computed.
    private func plan() throws -> [Job] {
        let jobs = inputs.map { Job(input: $0, stem: NIfTI.stem(of: $0), folder: out) }
        for (path, same) in Dictionary(grouping: jobs, by: \.mask) {
            guard same.count == 1 else {
                let names = same.map(\.input).joined(separator: " and ")
                throw UsageError("\(names) would both be written to \(path); predict them into different folders")
            }
            try refuseToOverwrite(path)
        }
        for job in jobs where !FileManager.default.fileExists(atPath: job.input) {
            throw ImagingError(.noInput, job.input, "is not there")
        }
        return jobs
    }

    private func refuseToOverwrite(_ path: String) throws {
        guard force || !FileManager.default.fileExists(atPath: path) else {
            throw ImagingError(.cannotWrite, path, "exists already; name another folder or allow --force")
        }
    }
}
