import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegData
import SegImaging
import SegInference
import SegMetrics
import SegStudy
import SegTrain

/// `medseg demo`.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Runs the whole workflow: makes phantoms, trains, evaluates, predicts and draws figures.",
        discussion: "Takes a few minutes on two cores and prints the paths of the results.")

    @Option(help: "The folder to write.")
    var out = "demo"

    @OptionGroup var device: DeviceOptions
    @OptionGroup var printing: PrintingOptions

    @Flag(help: "Write into a folder that holds files.")
    var force = false

    /// The number of cases for training and validation, and of cases from another seed that are only predicted.
    private static let trainingCount = 18
    private static let heldOutCount = 4

    func run() throws {
        let start = Date()
        try OutputFolder.prepare(out, force: force)
        let backend = try device.makeBackend(quiet: printing.quiet)
        _ = try makePhantoms("phantoms", count: Self.trainingCount, seed: 1)
        let heldOut = try makePhantoms("held_out", count: Self.heldOutCount, seed: 2)
        let model = try train(on: backend)
        let segmenter = try Segmenter(
            Ensemble([Predictor(folder: model, on: backend)]), uncertainty: UncertaintyOptions())
        let files = PredictionFiles(input: heldOut.cases[0].image, folder: out)
        let evaluation = try evaluate(heldOut, with: segmenter, files)
        print(evaluation.table)
        if let calibration = evaluation.calibration {
            print("\n" + calibration.table)
            try calibration.writeFigure(to: calibrationFigure)
        }
        try OutputFolder.write(evaluation.document.json(), to: "\(out)/metrics.json")
        print(
            """

            phantoms     \(out)/phantoms, and \(out)/held_out, which was not trained on
            model        \(model)
            loss curve   \(out)/run/figures/training.png
            metrics      \(out)/metrics.json
            prediction   \(files.mask)
            picture      \(files.figure)
            uncertainty  \(files.uncertaintyFigure), and maps as NIfTI beside it
            calibration  \(calibrationFigure)
            done in \(duration(Date().timeIntervalSince(start)))
            """)
    }

    private func say(_ text: String) {
        if !printing.quiet { note(text) }
    }

    private func makePhantoms(_ name: String, count: Int, seed: UInt64) throws -> Dataset {
        let folder = "\(out)/\(name)"
        try OutputFolder.prepare(folder, force: force)
        var bar = ProgressBar(name, quiet: printing.quiet)
        var done = 0
        var dataset = PhantomDataset(cases: count, seed: seed, options: PhantomOptions())
        dataset.prefix = name == "phantoms" ? "phantom" : name
        try dataset.write(to: URL(fileURLWithPath: folder), overwrite: force) { item in
            done += 1
            bar.show(Double(done) / Double(count), item)
        }
        bar.finish()
        return try Dataset(path: folder)
    }

    private func train(on backend: any Backend) throws -> String {
        let document: ConfigValue = [
            "data": .string("\(out)/phantoms"), "validation": 0.12,
            "network_def": [
                "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
                "channels": [8, 16, 32, 64], "strides": [2, 2, 2], "num_res_units": 2, "norm": "batch", "dropout": 0.1,
            ],
            "preprocessing": [
                "orientation": "RAS", "pixdim": [2, 2, 3], "crop_foreground": true,
                "intensity": ["a_min": -57, "a_max": 164, "b_min": 0, "b_max": 1, "clip": true],
            ],
            "roi_size": [64, 64, 48], "overlap": 0.5, "mode": "gaussian",
            "sampling": ["pos": 1, "neg": 1, "samples_per_volume": 2, "volumes_per_batch": 2, "pad": true],
            "augmentation": [
                "rotate90": ["prob": 0.1], "scale_intensity": ["factors": 0.1, "prob": 0.3],
                "shift_intensity": ["offsets": 0.1, "prob": 0.3],
            ],
            "loss": ["name": "dice_ce"],
            "optimizer": ["name": "adam", "learning_rate": 0.003, "weight_decay": 0.00001],
            "schedule": ["name": "polynomial"], "iterations": 600, "minutes": 6, "validate_every": 200,
        ]
        let configuration = try TrainingConfiguration(document, source: "demo")
        try OutputFolder.prepare("\(out)/run", force: force)
        let folder = "\(out)/run"
        let run = TrainingRun(
            configuration, folder: folder, on: backend, version: MedSeg.configuration.version, note: note)
        say(try run.run(in: folder, quiet: printing.quiet))
        return "\(folder)/model"
    }

    private var calibrationFigure: String { "\(out)/calibration.png" }

    /// Measures the held-out cases, each predicted ten times with dropout; the first case's prediction is kept and
    /// drawn.
    private func evaluate(
        _ dataset: Dataset, with segmenter: Segmenter, _ files: PredictionFiles
    ) throws -> Evaluation {
        let evaluate = try DatasetEvaluation(
            segmenter, of: dataset, options: MetricOptions(surfaceDiceToleranceMM: 2))
        var progress = EvaluationProgress("predict", quiet: printing.quiet)
        return try evaluate(dataset.cases) {
            progress.show($0)
        } keep: { measured in
            let (name, scan, found) = (measured.item.name, measured.scan, measured.found)
            guard measured.item == dataset.cases[0], let uncertain = found.uncertain else { return }
            try files.write(found, probabilities: false, like: measured.geometry, size: scan.size, overwrite: force)
            try OverlayFigure(
                scan: scan, mask: found.mask, reference: measured.truth, title: name,
                subtitle: "a phantom the network was not trained on", labels: evaluate.labels
            ).write(to: files.figure)
            try UncertaintyFigure(scan: scan, uncertain: uncertain, title: name).write(to: files.uncertaintyFigure)
        }
    }
}
