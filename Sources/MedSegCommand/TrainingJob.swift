import ArgumentParser
import Foundation
import SegBackend
import SegComm
import SegData
import SegImaging
import SegInference
import SegNNUNet
import SegStudy
import SegTrain

/// A training run, new or resumed, in a run folder, with the steps after its end.
struct TrainingJob {
    let configuration: TrainingConfiguration
    let folder: String
    let isResumed: Bool
    /// The nnU-Net plans of a new run; nil for none.
    var origin: NNUNetOrigin?
    /// Whether a new run may write into a folder that holds files.
    var force = false
    /// The results folder of nnU-Net that the run is also written to; nil for none.
    var export: String?
    let quiet: Bool

    /// Trains the network. Only the first rank writes; the others read.
    /// - Returns: A summary of the run; nil on every rank but the first.
    /// - Throws: The errors of `TrainingRun.run`.
    func run(on backend: any Backend, ranks: Ranks = .alone) throws -> String? {
        if ranks.isFirst, !isResumed { try OutputFolder.refuseFilled(folder, force: force) }
        let run = TrainingRun(
            configuration, folder: folder, on: backend, ranks: ranks, version: MedSeg.configuration.version,
            origin: origin, note: note)
        func go() throws -> String {
            do {
                return try run.run(in: folder, resuming: isResumed, ranks: ranks, quiet: quiet || !ranks.isFirst)
            } catch let stop as Interruption {
                // The state reached is exported all the same, so that nnU-Net can continue from it.
                do {
                    if ranks.isFirst { try writeExport(of: FoldRun(folder: folder), on: backend).forEach(note) }
                } catch { note("\(folder): not written for nnU-Net: \(error)") }
                throw stop
            }
        }
        guard ranks.isFirst else {
            _ = try go()
            return nil
        }
        return try OutputFolder.filling(folder) {
            try RunFolder.alone(in: folder) {
                // Another run may have filled the folder and ended meanwhile.
                if !isResumed { try OutputFolder.refuseFilled(folder, force: force) }
                return try ([go()] + conclude(on: backend)).joined(separator: "\n")
            }
        }
    }

    /// Predicts the validation cases of a fold of plans, and exports the run to nnU-Net if that is asked for.
    private func conclude(on backend: any Backend) throws -> [String] {
        let run = try FoldRun(folder: folder)
        var lines: [String] = []
        if run.origin != nil, !run.split.validation.isEmpty {
            if configuration.model.labelScheme.regions == nil {
                var progress = EvaluationProgress("predict", quiet: quiet)
                let validation = try FoldValidation(run, dataset: Dataset(path: configuration.data))
                try validation.complete(on: backend) { progress.show($0) }
                lines.append("validation: \(validation.folder)/summary.json")
            } else if !quiet {
                note("\(folder): no final validation is written, because the regions may overlap")
            }
        }
        return try lines + writeExport(of: run, on: backend)
    }

    private func writeExport(of run: FoldRun, on backend: any Backend) throws -> [String] {
        try export.map { ["nnU-Net: \(try run.export(to: $0, on: backend))"] } ?? []
    }
}
