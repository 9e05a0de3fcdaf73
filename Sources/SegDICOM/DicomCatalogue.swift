internal import Foundation
public import SegCore

/// The choice of a volume in a folder with several.
public struct DicomChoice: Hashable, Sendable {
    /// The series: its number in the list, or its SeriesInstanceUID. Nil if the folder has one series.
    public var series: String?
    /// The volume of a series that has several, from 1. Nil if the series has one volume.
    public var volume: Int?
    /// Whether missing slices are interpolated, and two spacings resampled to the smaller one.
    public var fillsGaps: Bool

    /// Creates a choice; by default nothing is chosen.
    public init(series: String? = nil, volume: Int? = nil, fillsGaps: Bool = false) {
        (self.series, self.volume, self.fillsGaps) = (series, volume, fillsGaps)
    }
}

/// The series and volumes of a folder, and the files that are left out.
public struct DicomCatalogue: Sendable {
    /// Frames of one series with the same size, orientation and pixel spacing.
    struct Series: Sendable {
        /// The position in the list, from 1.
        var index: Int
        var group: DicomGroup
        /// The volumes, or the reason why there is none.
        var outcome: Result<[DicomStack], DicomRefusal>

        /// Whether the user could mean this series.
        var isCandidate: Bool {
            switch outcome {
            case .success: true
            case .failure(let refusal): refusal.couldBeVolume && !group.isLocalizer
            }
        }
    }

    let folder: DicomFolder
    let series: [Series]

    /// Reads the headers of a folder, or of a file. Pixels are read only if two slices have the same position.
    /// - Throws: `DataError` if the path has no DICOM, DCMTK is missing, or a damaged file may belong to any series.
    public init(_ path: String, fillsGaps: Bool = false) throws(DataError) {
        let folder = try DicomFolder(path)
        let stacking = DicomStacking(fillsGaps: fillsGaps, pixels: DicomPixels(functions: folder.functions))
        if let stray = folder.damaged.first(where: { $0.series == nil }) {
            throw DataError(
                .badData, path,
                "\(stray.name) \(stray.why). Its series is unknown; remove the file if it does not belong "
                    + "to this series.")
        }
        self.folder = folder
        // If all files of a series are damaged, these files stand for the series in the list.
        let known = Set(folder.frames.map(\.image.series))
        let alone = folder.damaged.compactMap(\.frame).filter { !known.contains($0.image.series) }
        series = DicomGroup.groups(of: folder.frames + alone).enumerated().map { number, group in
            let damaged = folder.damaged.first { $0.series == group.image.series }
            let outcome = Result { () throws(DicomRefusal) in
                if let damaged {
                    throw DicomRefusal(
                        couldBeVolume: true, message: "\(damaged.name) \(damaged.why).")
                }
                return try stacking.stacks(of: group)
            }
            return Series(index: number + 1, group: group, outcome: outcome)
        }
    }

    // MARK: - Choosing

    /// The chosen volume.
    /// - Throws: `DataError` of the kind `badArgument`, with the list, if several fit the choice; `badData` if the
    ///   chosen series is not a volume; `noInput` if the folder has no image.
    func choose(_ choice: DicomChoice) throws(DataError) -> (series: Series, stack: DicomStack) {
        guard !series.isEmpty else { throw nothing() }
        let meant = try meant(by: choice)
        guard let one = meant.first else {
            let why = series.compactMap { series in series.refusal.map { "\(series.group.name): \($0)" } }
            let rest = why.count - Self.shownSeries
            throw DataError(
                .badData, folder.path,
                why.prefix(Self.shownSeries).joined(separator: " ")
                    + (rest > 0 ? " And \(rest) more series are not volumes; medseg dicom lists them." : ""))
        }
        guard meant.count == 1 else {
            throw DataError(
                .badArgument, folder.path,
                "holds \(meant.count) series; choose one with --series and its index or UID:\n" + listing)
        }
        let stacks: [DicomStack]
        do throws(DicomRefusal) {
            stacks = try one.outcome.get()
        } catch {
            throw DataError(.badData, folder.path, "\(one.group.name): \(error.message)")
        }
        if stacks.count == 1, choice.volume ?? 1 == 1 { return (one, stacks[0]) }
        guard let volume = choice.volume, stacks.indices.contains(volume - 1) else {
            throw DataError(
                .badArgument, folder.path,
                "\(one.group.name) holds \(stacks.count == 1 ? "1 volume" : "\(stacks.count) volumes at the same positions"); "
                    + "choose one with --volume:\n" + listing)
        }
        return (one, stacks[volume - 1])
    }

    private func meant(by choice: DicomChoice) throws(DataError) -> [Series] {
        guard let wanted = choice.series else { return series.filter(\.isCandidate) }
        let found = series.filter { Int(wanted) == $0.index || wanted == $0.group.image.series }
        guard !found.isEmpty else {
            throw DataError(
                .badArgument, folder.path, "--series '\(wanted.prefix(64))' is not one of its series:\n" + listing)
        }
        // Several groups may have the same UID, and only one of them may be a volume.
        return found.count == 1 ? found : found.filter(\.isCandidate)
    }

    private func nothing() -> DataError {
        let what = leftOutLines
        return DataError(
            what.isEmpty ? .noInput : .badData, folder.path,
            "holds no image of a DICOM series" + (what.isEmpty ? "." : ": " + what.shortList(separator: "; ") + ".")
                + (folder.holdsSegments
                    ? " Segmentations and structure sets are labels of scans; medseg data import converts them to label maps."
                    : ""))
    }

    // MARK: - Words

    /// The number of left-out series that are named one by one.
    private static let shownSeries = 5

    /// The series and files that are left out beside a series, one sentence each.
    func remarks(beside chosen: Series) -> [String] {
        let others = series.filter { $0.index != chosen.index }.compactMap { other in
            other.refusal.map { "\(other.group.name.capitalisedFirst) was left out: \($0)" }
        }
        var remarks = Array(others.prefix(Self.shownSeries))
        if others.count > remarks.count {
            remarks.append("\(others.count - remarks.count) more series were left out; medseg dicom lists them.")
        }
        if !leftOutLines.isEmpty { remarks.append("Left out: " + leftOutLines.shortList(separator: "; ") + ".") }
        return remarks
    }

    /// The files that are not slices, grouped by their kind.
    var leftOutLines: [String] {
        Dictionary(grouping: folder.leftOut, by: \.why).sorted { $0.key < $1.key }.map { why, files in
            files.count == 1 ? "\(files[0].name) (\(why))" : "\(files.count) files, \(files[0].name) first (\(why))"
        }
    }

    /// The series and volumes as a table for a terminal.
    public var table: [String] {
        var table = TextTable(["index", "description", "number", "modality", "volume", "shape", "spacing mm"])
        for row in rows {
            table.append([
                "\(row.index)", String(row.description.prefix(32)), String(row.number.prefix(12)),
                String(row.modality.prefix(16)),
                row.volume.map(String.init) ?? "-", row.shape.map(String.init).joined(separator: "×"),
                row.spacing.map { $0.text(decimals: 2) }.joined(separator: " × "),
            ])
        }
        let reasons = rows.compactMap { row in
            (row.refusal ?? row.label).map { text in
                "  \(row.index)" + (row.refusal == nil ? ", volume \(row.volume ?? 1): " : ": ") + text
            }
        }
        return table.lines + reasons
    }

    /// The notes on the volumes and on what is left out, one line each.
    public var notes: [String] {
        rows.flatMap { row in row.remarks.map { "  \(row.index): \($0)" } }
            + folder.leftOut.map { "  left out: \($0.name) (\($0.why))" }
    }

    private var listing: String { table.map { "  \($0)" }.joined(separator: "\n") }
}

extension DicomCatalogue.Series {
    /// The reason why the series is not a volume; nil if it is a volume.
    var refusal: String? {
        guard case .failure(let refusal) = outcome else { return nil }
        return refusal.message
    }
}

extension String {
    fileprivate var capitalisedFirst: String { prefix(1).uppercased() + dropFirst() }
}
