import Foundation
import SegComm
import SegCore
import SegStudy
import SegTrain

/// Shows the progress of a training run, and catches Ctrl-C and SIGTERM while it trains.
final class TrainingProgress {
    private let isQuiet: Bool
    private var bar: ProgressBar
    private var signal: StopSignal?
    /// The signal that ended the steps; nil for none.
    private(set) var stoppedBy: Int32?

    init(quiet: Bool) {
        isQuiet = quiet
        bar = ProgressBar("train", quiet: quiet)
    }

    /// Whether the training run should stop at the next safe point.
    var isStopAsked: Bool { signal?.isRaised ?? false }

    /// The label of the bar while cases are read.
    private static func verb(_ part: TrainingRunEvent.Part) -> String {
        part == .fingerprint ? "measure" : "read \(part.rawValue)"
    }

    func take(_ event: TrainingRunEvent) {
        switch event {
        case .remark(let text):
            if !isQuiet { note(text) }
        case .reading(let part, let name, let done, let count):
            if done == 0 { bar = ProgressBar(Self.verb(part), quiet: isQuiet) }
            bar.show(Double(done) / Double(count), name)
        case .hasRead(let part, let count):
            if count == 0 { bar = ProgressBar(Self.verb(part), quiet: isQuiet) }
            bar.show(1, "\(count) cases")
            bar.finish()
        case .begins:
            bar = ProgressBar("train", quiet: isQuiet)
            signal = StopSignal()
        case .step(let step):
            bar.show(
                step.seconds / max(step.seconds + step.remaining, 1e-9),
                String(
                    format: "step %d  loss %.4f  rate %.2e  %@ left", step.iteration, step.loss, step.learningRate,
                    duration(step.remaining)))
        case .validation(let result):
            guard !result.scores.mean.isNaN else {
                bar.line("step \(result.iteration): the validation patches have no foreground, so Dice is undefined")
                return
            }
            bar.line(
                String(
                    format: "step %d: validation Dice %.4f on the network's grid%@", result.iteration,
                    result.scores.mean,
                    result.isBest ? " (best)" : ""))
        case .ended:
            bar.finish()
            stoppedBy = signal?.number
            signal = nil
        }
    }
}

extension TrainingRun {
    /// Trains, shows the progress, and returns a summary of the run.
    /// - Parameter ranks: The ranks of the run.
    /// - Throws: `Interruption` on every rank after Ctrl-C or SIGTERM on any rank, once the checkpoint is written.
    func run(in folder: String, resuming: Bool = false, ranks: Ranks = .alone, quiet: Bool) throws -> String {
        let progress = TrainingProgress(quiet: quiet)
        let outcome = try run(resuming: resuming, until: { progress.isStopAsked }) { progress.take($0) }
        // All ranks end alike, but only one rank may know the signal.
        if outcome.end == .asked,
            let signal = try ranks.gather([progress.stoppedBy ?? 0]).flatMap(\.self).first(where: { $0 != 0 })
        {
            throw Interruption(signal: signal, step: outcome.steps, folder: folder)
        }
        return outcome.summary(folder: folder)
    }
}

extension TrainingOutcome {
    fileprivate func summary(folder: String) -> String {
        let best = bestDice.map { String(format: ", best validation Dice %.4f", $0) } ?? ""
        let waited = String(format: "waited %.1f %% of the time for data", 100 * shareWaited)
        let early = end == .noProgress ? " (stopped early: the validation Dice no longer rose)" : ""
        let ranks =
            rankTimes.count < 2
            ? ""
            : rankTimes.enumerated().map { rank, time in
                String(
                    format: "rank %d: computing %.1f %%, waiting for data %.1f %%, for other ranks %.1f %%\n", rank,
                    100 * time.shareComputing, 100 * time.data / time.seconds, 100 * time.others / time.seconds)
            }.joined()
        return "\(steps) steps in \(duration(seconds))\(early)\(best), \(waited), "
            + "tensors took at most \(peakBytes >> 20) MiB\n\(ranks)model: \(folder)/model\n"
            + "curves: \(folder)/figures/training.png, \(folder)/training.csv"
    }
}
