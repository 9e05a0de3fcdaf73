internal import Foundation
internal import SegBackend
internal import SegComm
internal import SegCore
internal import SegData
internal import SegImaging
internal import SegInference
public import SegModels
internal import SegNN
internal import SegTensor

/// A measurement of a network between the steps of its training.
public protocol TrainingValidation {
    /// Measures the current network.
    /// - Parameters:
    ///   - iteration: The number of steps so far; random draws should depend on it alone.
    ///   - isAsked: Returns true if the training should stop; a measurement may call it and stop early.
    /// - Returns: The scores; nil if the measurement stopped early.
    func measure(
        _ network: any Network, after iteration: Int, until isAsked: () -> Bool
    ) throws -> ValidationScores?
}

/// The scores of a validation; higher scores are better.
public struct ValidationScores: Sendable {
    /// The mean over the cases whose Dice is defined, or over the classes for a pseudo Dice; the best network is chosen by it.
    /// NaN if the patches of a pseudo Dice hold no foreground, which leaves the moving average unchanged.
    public var mean: Double
    /// The mean over the foreground classes, by case; nil if no labelled voxel is left on the network's grid.
    public var cases: [(name: String, dice: Double?)]
    /// The mean over the cases, by foreground class; nil if neither label maps nor predictions of any case hold the class.
    public var classes: [(label: Int, dice: Double?)]

    /// Creates scores from the mean, and optionally from the values per case and per class.
    public init(mean: Double, cases: [(name: String, dice: Double?)] = [], classes: [(label: Int, dice: Double?)] = [])
    {
        self.mean = mean
        self.cases = cases
        self.classes = classes
    }
}

/// The Dice of the validation cases on the network's grid, predicted in the model's windows. The cases are divided among the
/// ranks.
struct CaseValidation: TrainingValidation {
    /// A case, and whether its label has a voxel left; without one, the case has no Dice.
    private struct Case {
        let prepared: PreparedCase
        let isMeasured: Bool
    }

    private let cases: [Case]
    private let model: ModelDescription
    private let backend: any Backend
    private let ranks: Ranks

    /// Reads the labels of the cases.
    /// - Throws: `DataError` if a case can no longer be read, or if no case has a labelled voxel left.
    init(_ cases: [PreparedCase], _ model: ModelDescription, on backend: any Backend, ranks: Ranks) throws {
        self.cases = try zip(cases, Self.measured(cases)).map { Case(prepared: $0, isMeasured: $1) }
        self.model = model
        self.backend = backend
        self.ranks = ranks
    }

    /// Whether each case can have a Dice, which needs a labelled voxel.
    /// - Throws: `DataError` if a case can no longer be read, or if there are cases but none has a labelled voxel left.
    static func measured(_ cases: [PreparedCase]) throws -> [Bool] {
        let measured = try cases.map { try $0.hasForeground }
        guard !cases.isEmpty, !measured.contains(true) else { return measured }
        let names = cases.map(\.name)
        let more = names.count > 8 ? " and \(names.count - 8) more" : ""
        throw DataError(
            .badData, "validation",
            "no case has a labelled voxel left on the network's grid, so there is nothing to validate on "
                + "(\(names.prefix(8).joined(separator: ", "))\(more)); take a finer preprocessing.pixdim, or set other "
                + "cases aside")
    }

    /// One sentence per case that is not part of the validation Dice.
    var warnings: [String] {
        cases.filter { !$0.isMeasured }.map { item in
            "\(item.prepared.name): no labelled voxel of this validation case is left on the network's grid of "
                + "\(item.prepared.size) voxels after resampling and cropping; it is not part of the validation Dice."
        }
    }

    func measure(
        _ network: any Network, after iteration: Int, until isAsked: () -> Bool
    ) throws -> ValidationScores? {
        var measured: [(name: String, dice: [Double?])] = []
        for first in stride(from: 0, to: cases.count, by: ranks.count) {
            let turn = cases[first..<min(first + ranks.count, cases.count)]
            guard let dice = try dice(of: turn, by: network, until: isAsked) else { return nil }
            measured += zip(turn, dice).map { ($0.prepared.name, $1) }
        }
        let cases = measured.map { (name: $0.name, dice: $0.dice.meanOfDefined) }
        let channels = network.outputChannels
        let labels = model.labelScheme.regions == nil ? 1..<max(2, channels) : 0..<channels
        let classes = labels.enumerated().map { index, label in
            (label: label, dice: measured.map { $0.dice.isEmpty ? nil : $0.dice[index] }.meanOfDefined)
        }
        return ValidationScores(mean: cases.map(\.dice).meanOfDefined ?? .nan, cases: cases, classes: classes)
    }

    /// The Dice of the cases in `turn`, of which each rank measures at most one; nil if any rank was asked to stop.
    private func dice(
        of turn: ArraySlice<Case>, by network: any Network, until isAsked: () -> Bool
    ) throws -> [[Double?]]? {
        let isAsked = isAsked()
        var own: [Double?] = []
        if !isAsked, ranks.rank < turn.count {
            let item = turn[turn.startIndex + ranks.rank]
            if item.isMeasured { own = try dice(of: item.prepared, by: network) }
        }
        guard try !ranks.gather([isAsked]).contains([true]) else { return nil }
        return try ranks.gather(own)
    }

    /// The Dice of each foreground class or region against a case's labels; nil for one that occurs in neither.
    private func dice(of prepared: PreparedCase, by network: any Network) throws -> [Double?] {
        let window = SlidingWindow(of: model, over: prepared.size)
        let image = try Tensor(
            prepared.scan.interleaved,
            shape: Shape(batch: 1, size: prepared.size, channels: prepared.scan.channels), on: backend)
        let logits = try window(image, progress: { _, _ in }) { try network($0, in: .inference) }.floats()
        var counts = ClassCounts(
            channels: network.outputChannels, areRegions: model.labelScheme.regions != nil)
        let targets = model.labelScheme.targets
        counts.add(logits, try prepared.scan.classes.map { targets[Int($0)] })
        return counts.dice
    }
}

extension [Double?] {
    /// The mean of the defined values; nil if none is defined.
    var meanOfDefined: Double? {
        let defined = compactMap(\.self)
        return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
    }
}
