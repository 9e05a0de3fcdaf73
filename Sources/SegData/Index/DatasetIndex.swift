internal import Foundation
internal import SegCore

/// The part of the Medical Segmentation Decathlon's `dataset.json` that MedSeg reads and writes.
///
/// MONAI's data lists have the same form, with `validation`, `testing` and a `fold` in each entry of `training`.
struct DatasetIndex {
    /// A scan in the index, with its paths as written there.
    struct Entry {
        var images: [String]
        /// The label map; nil for a test scan without one.
        var label: String?
        /// The fold in which the case is for validation; nil if the index has no folds.
        var fold: Int?
    }

    var name: String?
    var description: String?
    /// The name of each channel; empty if the index gives none.
    var channelNames: [String]
    /// Whether `modality` is a text, as in MONAI's lists. The text names the scanner, whatever the number of channels.
    var isScannerAlone = false
    var labels: [Int: String]
    /// The number of ignored voxels; nil for none.
    var ignoredLabel: Int?
    var training: [Entry]
    var validation: [Entry] = []
    var test: [Entry]
    /// Inconsistencies of the index, one sentence each.
    var notes: [String] = []

    /// Creates an index that is to be written.
    init(
        name: String, description: String, channelNames: [String], labels: [Int: String], training: [Entry],
        test: [Entry]
    ) {
        self.name = name
        self.description = description
        self.channelNames = channelNames
        self.labels = labels
        self.training = training
        self.test = test
    }

    /// The dataset that the index describes, with paths relative to the index's folder.
    /// - Throws: `DataError` if the index has no case, or a scan twice.
    func dataset(file: String) throws(DataError) -> Dataset {
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        var faults = IndexFaults(file: file)
        let cases = located(training, in: folder)
        let measured = located(validation, in: folder)
        let tests = located(test, in: folder)
        if cases.isEmpty { faults.add("training", "names no training cases") }
        checkChannels((cases + measured + tests).map(\.image), &faults)
        let twice = Dictionary(grouping: (cases + measured + tests).flatMap(\.image.paths)) { $0 }.filter {
            $1.count > 1
        }
        if !twice.isEmpty {
            faults.add(
                nil,
                "names files more than once: \(twice.keys.sorted().shortList()); list each once, because a "
                    + "measurement on a training scan proves nothing")
        }
        try faults.finish()
        let names = try Dataset.distinctNames(of: (cases + measured).map(\.image), source: file)
        let testNames = try Dataset.distinctNames(of: tests.map(\.image), source: file)
        var dataset = Dataset(
            name: name ?? folder.lastPathComponent, labels: labels,
            channelNames: isScannerAlone && (cases.first?.image.paths.count ?? 1) > 1 ? [] : channelNames,
            cases: zip(names, cases + measured).map { name, item in
                DatasetCase(name: name, images: item.image.paths, label: item.label ?? "")
            },
            testScans: zip(testNames, tests).map { name, item in
                TestScan(name: name, images: item.image.paths, label: item.label)
            })
        dataset.ownSplits = try Self.splits(of: names, folds: cases.map(\.fold), file: file)
        let remarks = notes + Self.orderNotes((cases + measured + tests).map(\.image))
        (dataset.index, dataset.notes, dataset.ignoredLabel) = (file, remarks, ignoredLabel)
        return dataset
    }

    /// Notes about cases whose channels are listed in another order than that of the numbers of their files, or whose
    /// numbers have a gap. A subset of channels may be meant, so neither is a fault.
    private static func orderNotes(_ images: [IndexedImage]) -> [String] {
        var (swapped, gapped): ([String], [String]) = ([], [])
        for image in images {
            guard let numbers = CaseChannels.numbers(of: image.paths) else { continue }
            let text = "\(image.paths[0]) (\(numbers.map(String.init).joined(separator: ", ")))"
            if numbers != numbers.sorted() {
                swapped.append(text)
            } else if numbers != Array(numbers.indices) {
                gapped.append(text)
            }
        }
        var notes: [String] = []
        if !swapped.isEmpty {
            notes.append(
                "channels are listed in another order than the numbers of their files: \(swapped.shortList()); `predict` "
                    + "takes files in the order of these numbers, so list them in it")
        }
        if !gapped.isEmpty {
            notes.append(
                "the numbers of the channels' files do not go from 0 without a gap: \(gapped.shortList()); list the "
                    + "files that are left out, unless the other channels alone are meant")
        }
        return notes
    }

    /// The entries with the resolved paths of their files.
    private func located(
        _ entries: [Entry], in folder: URL
    ) -> [(image: IndexedImage, label: String?, fold: Int?)] {
        let channels = isScannerAlone ? 0 : channelNames.count
        return entries.compactMap { entry in
            let image = IndexedImage(entry.images, in: folder, channels: channels)
            // Archives made on macOS contain resource forks under names that begin with "._".
            guard !image.name.hasPrefix("._") else { return nil }
            return (image, entry.label.map { IndexedFile($0, in: folder).path }, entry.fold)
        }
    }

    /// Checks that all cases have the same number of files. If they have several and the index names channels, the two
    /// numbers must be equal.
    ///
    /// One file may contain several channels; their number is checked when the file is read. Of nnU-Net's raw layout, every
    /// file must exist.
    private func checkChannels(_ images: [IndexedImage], _ faults: inout IndexFaults) {
        let missing = images.flatMap(\.missing)
        guard missing.isEmpty else {
            let names = isScannerAlone ? 0 : channelNames.count
            let rule = names == 0 ? "" : ", and 'modality' names \(names)"
            return faults.add(
                nil,
                "lists cases without the files of some channels: \(missing.shortList()); a case has a file for each number "
                    + "from _0000 on\(rule). Restore the files, or remove the cases")
        }
        guard let most = images.max(by: { $0.paths.count < $1.paths.count }), most.paths.count > 1 else { return }
        let count = most.paths.count
        let fewer = images.filter { $0.paths.count < count }
        if !fewer.isEmpty {
            faults.add(
                nil,
                "\(most.name) has \(count) files, one per channel (last: \(most.paths[count - 1])), but others have fewer: "
                    + fewer.map { "\($0.name) (\($0.paths.count))" }.shortList())
        } else if !channelNames.isEmpty, !isScannerAlone, channelNames.count != count {
            let named = channelNames.count == 1 ? "one channel" : "\(channelNames.count) channels"
            faults.add(
                "modality",
                "has \(named), but each case has \(count) files (the last of \(most.name) is \(most.paths[count - 1]))"
            )
        }
    }

    /// The splits of an index: from its list `validation`, whose cases follow the training cases, or from folds.
    private static func splits(of names: [String], folds: [Int?], file: String) throws(DataError) -> [CaseSplit] {
        let (learnt, measured) = (Array(names.prefix(folds.count)), Array(names.dropFirst(folds.count)))
        if !measured.isEmpty {
            return [try CaseSplit(training: learnt, validation: measured, test: [], source: file)]
        }
        var splits: [CaseSplit] = []
        for fold in Set(folds.compactMap { $0 }).sorted() {
            splits.append(
                try CaseSplit(
                    training: zip(learnt, folds).filter { $1 != fold }.map(\.0),
                    validation: zip(learnt, folds).filter { $1 == fold }.map(\.0), test: [], source: file))
        }
        return splits
    }

    /// Writes the index to a file, replacing it.
    func write(to file: URL) throws(DataError) {
        func list(_ entries: [Entry]) -> ConfigValue {
            .array(
                entries.map { entry in
                    // A test scan without a label map is only a path, as in the Decathlon's own indexes.
                    let image: ConfigValue =
                        entry.images.count == 1
                        ? .string(entry.images[0]) : .array(entry.images.map(ConfigValue.string))
                    guard let label = entry.label else { return entry.images.count == 1 ? image : ["image": image] }
                    var members: [String: ConfigValue] = ["image": image, "label": .string(label)]
                    members["fold"] = entry.fold.map(ConfigValue.int)
                    return .object(members)
                })
        }
        let named = labels.merging(ignoredLabel.map { [$0: "ignore"] } ?? [:]) { name, _ in name }
        var members: [String: ConfigValue] = [
            "labels": .object(Dictionary(uniqueKeysWithValues: named.map { ("\($0.key)", .string($0.value)) })),
            "tensorImageSize": "3D", "numTraining": .int(training.count), "numTest": .int(test.count),
            "training": list(training), "test": list(test),
        ]
        members["name"] = name.map(ConfigValue.string)
        members["description"] = description.map(ConfigValue.string)
        if !channelNames.isEmpty {
            let names = channelNames.enumerated().map { ("\($0)", ConfigValue.string($1)) }
            members["modality"] = .object(Dictionary(uniqueKeysWithValues: names))
        }
        if !validation.isEmpty { members["validation"] = list(validation) }
        do {
            try DurableFile.write(Array(ConfigValue.object(members).jsonText().utf8), to: file.path)
        } catch let error as DataError {
            throw error
        } catch {
            throw DataError(.cannotWrite, file.path, "cannot be written: \(error.systemReason)")
        }
    }
}
