import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegData
import SegImaging
import SegInference
import SegModels
import SegTrain
import SegYAML

/// `medseg data doctor`.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Checks every file of a dataset for faults that stop a training run, or spoil its result without an error.",
        discussion: """
            Finds damaged files, an image and a label with different geometries, wrong label values, empty masks, \
            conflicting or sheared affines, lengths in other units, unusual spacings, intensities unlike CT, \
            duplicates, and x.nii beside x.nii.gz; with --config also a network of other channels or classes, windows \
            larger than a scan, classes that resampling removes, and rules of intensities that do not suit the \
            modality. The table ends with the rule that suits each channel. Exits with code 65 if a finding is an error.
            """)

    @Argument(help: "A dataset: a folder or its dataset.json.")
    var data: String

    @OptionGroup var patterns: PatternOptions

    @Option(help: "A training configuration, whose preprocessing and window are tried on every scan.")
    var config: String?

    @Flag(help: "Print one JSON array.")
    var json = false

    @OptionGroup var printing: PrintingOptions

    func run() throws {
        let dataset = try open()
        var bar = ProgressBar("examine", quiet: printing.quiet)
        let doctor = try DatasetDoctor(dataset, plan: plan(of: dataset))
        let findings = doctor.findings { done, name in
            bar.show(Double(done) / Double(max(1, dataset.cases.count)), name)
        }
        bar.show(1, "\(dataset.cases.count) cases")
        bar.finish()
        let lines = [Self.table(findings, of: dataset)] + doctor.advice.map { "intensity: \($0)" }
        print(json ? try Self.json(findings) : lines.joined(separator: "\n"))
        if findings.contains(where: { $0.severity == .error }) { throw ExitCode(ExitStatus.badData.rawValue) }
    }

    private func open() throws -> Dataset {
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: data, isDirectory: &isFolder)
        return isFolder.boolValue
            ? try Dataset(folder: data, patterns: patterns.patterns()) : try Dataset.unchecked(path: data)
    }

    private func plan(of dataset: Dataset) throws -> DatasetDoctor.Plan? {
        guard let config else { return nil }
        let value = try ConfigValue(yamlFile: config, changes: [])
        let configuration = try TrainingConfiguration(value, source: config)
        let model = configuration.model(of: dataset)
        var plan = DatasetDoctor.Plan(
            preprocessing: model.preprocessing, window: configuration.sampling.size,
            pads: configuration.sampling.pad, labels: model.labelScheme)
        (plan.channels, plan.classes) = (try? model.inputChannels, try? model.classCount)
        do {
            try configuration.checkedModel(of: dataset).checkTraining(batch: configuration.sampling.batchSize)
        } catch let fault as DataError {
            plan.refusal = fault
        }
        return plan
    }

    private static func json(_ findings: [DatasetFinding]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(findings), as: UTF8.self)
    }

    private static func table(_ findings: [DatasetFinding], of dataset: Dataset) -> String {
        guard !findings.isEmpty else { return "\(dataset.name): no faults found in \(dataset.contents)" }
        let entries = findings.map { finding in
            """
            \(finding.severity.rawValue)  \(finding.name): \(finding.defect.rawValue)
                \(finding.file)
                \(finding.finding)
                → \(finding.mend)
            """
        }
        let errors = findings.filter { $0.severity == .error }.count
        let warnings = findings.count - errors
        let counts = "\(errors) error\(errors == 1 ? "" : "s") and \(warnings) warning\(warnings == 1 ? "" : "s")"
        return entries.joined(separator: "\n") + "\n\(dataset.name): \(counts) in \(dataset.contents)"
    }
}
