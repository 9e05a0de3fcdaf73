import SegStudy

/// A progress bar for each predicted case.
struct EvaluationProgress {
    private let verb: String
    private let isQuiet: Bool
    private var bar: ProgressBar?

    init(_ verb: String, quiet: Bool) {
        self.verb = verb
        isQuiet = quiet
    }

    mutating func show(_ event: DatasetEvaluation.Event) {
        switch event {
        case .window(let name, let done, let count):
            var shown = bar ?? ProgressBar("\(verb) \(name)", quiet: isQuiet)
            shown.show(Double(done) / Double(count), "window \(done) of \(count)")
            bar = shown
        case .predicted:
            bar?.finish()
            bar = nil
        case .note: break
        }
    }
}
