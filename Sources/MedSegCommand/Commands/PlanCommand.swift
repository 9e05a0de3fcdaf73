import ArgumentParser
import Foundation
import SegCore
import SegNNUNet
import SegStudy

/// `medseg plan`.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Plans spacing, patch, network and batch for a raw dataset of nnU-Net, as nnU-Net 2.8 does.",
        discussion: """
            The dataset is a folder with dataset.json, imagesTr/CASE_0000.nii.gz and labelsTr/CASE.nii.gz. DIR gets \
            dataset_fingerprint.json (the measurements), plans.json, a copy of the plans under nnU-Net's name for \
            them, such as nnUNetPlans.json, the five folds as splits_final.json, and dataset.json. With --fingerprint \
            no scan is read. nnU-Net trains from DIR if its path is nnUNet_preprocessed/NAME.
            """)

    @Argument(help: "The raw dataset.")
    var dataset: String?

    @Option(help: "A dataset_fingerprint.json in place of a dataset, with --dataset-json.")
    var fingerprint: String?

    @Option(help: "The dataset.json that goes with --fingerprint.")
    var datasetJson: String?

    @Option(
        help: """
            default, a plain U-Net for 8 GB of GPU memory; resenc-m, resenc-l or resenc-xl, a U-Net with residual \
            encoder for 8, 24 or 40 GB.
            """,
        transform: { text in
            guard let planner = NNUNetPlanner(rawValue: text) else {
                let known = NNUNetPlanner.allCases.map(\.rawValue).joined(separator: ", ")
                throw UsageError("--planner should be one of \(known), not '\(text)'")
            }
            return planner
        })
    var planner = NNUNetPlanner.standard

    @Option(help: "The GPU memory for training in GB; by default the planner's own.")
    var gpuMemory: Double?

    @Option(help: "The dataset's name in the plans, such as Dataset501_Spleen; by default the name of its folder.")
    var name: String?

    @Flag(help: "Print a page with the reasons for the spacing, patch, batch and configurations.")
    var why = false

    @Option(help: "The folder to write.")
    var out: String

    @OptionGroup var printing: PrintingOptions

    @Flag(help: "Write over existing files.")
    var force = false

    func run() throws {
        if let gpuMemory, !(gpuMemory > 0 && gpuMemory <= 10_000) {
            throw UsageError("--gpu-memory should be above 0 and at most 10000 GB, not \(gpuMemory)")
        }
        let source = try source()
        let files = [planner.plansName + ".json"] + Self.files
        for file in files { try OutputFolder.refuseExisting("\(out)/\(file)", force: force) }
        let training: NNUNetTrainingSet
        let measured: NNUNetFingerprint
        var folds: NNUNetFolds?
        switch source {
        case .scans(let folder):
            let raw = try NNUNetRawDataset(folder: folder)
            training = raw.training
            folds =
                try raw.ownFolds.map { try NNUNetFolds(file: $0, cases: raw.names) } ?? NNUNetFolds(cases: raw.names)
            measured = try measure(raw)
        case .fingerprint(let file, let description):
            training = try NNUNetTrainingSet(file: description)
            measured = try NNUNetFingerprint(file: file, of: training)
        }
        let plans = try NNUNetPlans(
            name ?? source.name, training, measured, planner: planner, memory: gpuMemory)
        try write(plans, measured, folds, description: source.description)
        print(why ? plans.reasons : plans.summary)
        if folds == nil, case .scans = source {
            note(
                "\(out): no splits_final.json is written, because there are fewer than \(NNUNetFolds.count) cases; "
                    + "train with --fold all")
        }
        if !printing.quiet { note("\(out)/plans.json") }
    }

    /// The files besides the one with the plans' own name.
    private static let files = ["plans.json", "dataset_fingerprint.json", "splits_final.json", "dataset.json"]

    private func measure(_ raw: NNUNetRawDataset) throws -> NNUNetFingerprint {
        var bar = ProgressBar("fingerprint", quiet: printing.quiet)
        defer { bar.finish() }
        return try NNUNetFingerprint(raw) { done, name in
            bar.show(Double(done) / Double(max(1, raw.names.count)), name)
        }
    }

    /// Writes every file whole; the plans come last, so that existing plans have all the files they need.
    private func write(
        _ plans: NNUNetPlans, _ measured: NNUNetFingerprint, _ folds: NNUNetFolds?, description: String
    ) throws {
        let copied = try RegularFile.contents(of: description)
        let planned = Array(try plans.document.jsonText().utf8)
        let found = Array(try measured.document.jsonText().utf8)
        let dealt = try folds.map { Array(try $0.document.jsonText().utf8) }
        try OutputFolder.filling(out) {
            try DurableFile.write(copied, to: "\(out)/dataset.json")
            try DurableFile.write(found, to: "\(out)/dataset_fingerprint.json")
            let splits = "\(out)/splits_final.json"
            // Folds of other plans must not stay beside these plans.
            if let dealt { try DurableFile.write(dealt, to: splits) } else { unlink(splits) }
            try DurableFile.write(planned, to: "\(out)/\(plans.plansName).json")
            try DurableFile.write(planned, to: "\(out)/plans.json")
        }
    }
}

extension PlanCommand {
    /// The input of the planning.
    private enum Source {
        case scans(folder: String)
        case fingerprint(file: String, description: String)

        /// The `dataset.json`.
        var description: String {
            switch self {
            case .scans(let folder): "\(folder)/dataset.json"
            case .fingerprint(_, let description): description
            }
        }

        /// The name of the folder.
        var name: String {
            let folder =
                switch self {
                case .scans(let folder): URL(fileURLWithPath: folder)
                case .fingerprint(let file, _): URL(fileURLWithPath: file).deletingLastPathComponent()
                }
            return folder.standardizedFileURL.lastPathComponent
        }
    }

    private func source() throws -> Source {
        switch (dataset, fingerprint, datasetJson) {
        case (let folder?, nil, nil): return .scans(folder: folder)
        case (nil, let file?, let description?): return .fingerprint(file: file, description: description)
        case (nil, nil, nil):
            throw UsageError("give a raw dataset, or a fingerprint with --fingerprint and --dataset-json")
        case (_?, _, _):
            throw UsageError("--fingerprint and --dataset-json replace a dataset; give one or the other")
        default: throw UsageError("--fingerprint and --dataset-json go together; give both")
        }
    }
}
