internal import Foundation
public import SegCore
internal import SegImaging

/// Cases for training, for validation, and for the final test.
public struct CaseSplit: Hashable, Sendable {
    /// Names of the training cases.
    public var training: [String]
    /// Names of the cases whose metric decides which checkpoint is kept.
    public var validation: [String]
    /// Names of the cases that are measured once, at the end; usually none.
    public var test: [String]

    /// Creates a split.
    /// - Throws: `DataError` if a case is named more than once.
    public init(training: [String], validation: [String], test: [String], source: String) throws(DataError) {
        var seen: Set<String> = []
        let twice = (training + validation + test).filter { !seen.insert($0).inserted }
        guard twice.isEmpty else {
            throw DataError(
                .badData, source,
                "names \(twice.count == 1 ? "the case" : "cases") \(twice.map { "'\($0)'" }.shortList()) twice; "
                    + "a case for training cannot also be measured. Keep one of the entries.")
        }
        self.training = training
        self.validation = validation
        self.test = test
    }
}

extension CaseSplit {
    /// Reads a `split.json`.
    /// - Throws: `DataError` if the file cannot be read, holds anything but the three lists, or names a case twice.
    public init(file: String) throws(DataError) {
        let form = "case names under 'training' and 'validation'"
        let members = try JSONDocument.members(
            of: file, missing: "`medseg data split` and every training write a split.json", form: form)
        var faults = IndexFaults(file: file)
        func names(_ key: String, isNeeded: Bool) -> [String] {
            guard let value = members[key], value != .null else {
                if isNeeded {
                    faults.add(key, "is missing\(DatasetIndex.hint(key, members)); a split should list \(form)")
                }
                return []
            }
            guard case .array(let items) = value else {
                faults.add(key, "should be a list of case names, not \(DatasetIndex.short(value))")
                return []
            }
            return items.enumerated().compactMap { number, item in
                if case .string(let name) = item { return name }
                faults.add("\(key)[\(number)]", "should be the name of a case, not \(DatasetIndex.short(item))")
                return nil
            }
        }
        let (training, validation) = (names("training", isNeeded: true), names("validation", isNeeded: true))
        let test = names("test", isNeeded: false)
        let known = ["test", "training", "validation"]
        for key in members.keys.filter({ !known.contains($0) }).sorted() {
            let hint = nearest(to: key, among: known).map { "did you mean '\($0)'?" }
            faults.add(key, "is not a known key; \(hint ?? "known here: \(known.joined(separator: ", "))")")
        }
        try faults.finish()
        try self.init(training: training, validation: validation, test: test, source: file)
    }

    /// The lists as JSON text.
    public func json() throws -> String {
        func list(_ names: [String]) -> ConfigValue { .array(names.map(ConfigValue.string)) }
        let value: ConfigValue = .object([
            "training": list(training), "validation": list(validation), "test": list(test),
        ])
        return try value.jsonText()
    }
}

extension DatasetCase {
    /// Whether the label map contains any number other than 0.
    var isLabelled: Bool {
        get throws(DataError) { try ScanFile.readVolume(label).volume.voxels.contains { $0 > 0.5 } }
    }
}

extension Dataset {
    /// Cases for training, validation and test.
    public struct Split: Sendable {
        /// The training cases.
        public var training: [DatasetCase]
        /// The cases for validation, which are not trained on.
        public var validation: [DatasetCase]
        /// The cases that are not used until the final test.
        public var test: [DatasetCase] = []

        /// Swaps a labelled case into the validation cases if all of them are healthy, because Dice is undefined for
        /// healthy cases.
        /// - Returns: A sentence for the user; nil if nothing changed.
        /// - Throws: `DataError` naming a label map that cannot be read.
        public mutating func setLabelledCaseAside() throws(DataError) -> String? {
            for item in validation where try item.isLabelled { return nil }
            guard let healthy = validation.first else { return nil }
            for (index, item) in training.enumerated() where try item.isLabelled {
                (validation[0], training[index]) = (item, healthy)
                return
                    "\(healthy.name) has no foreground, so its Dice is undefined; \(item.name) is set aside instead"
            }
            return nil
        }

        /// The names, in the form of a `split.json`.
        /// - Throws: `DataError` if a case is in two lists.
        public func names(source: String) throws(DataError) -> CaseSplit {
            try CaseSplit(
                training: training.map(\.name), validation: validation.map(\.name), test: test.map(\.name),
                source: source)
        }
    }

    /// Sets a share of the cases aside for validation, chosen by a seed; at least one case unless the share is 0.
    ///
    /// If the index has a split of its own, that split replaces the share: its list `validation`, or its first fold.
    /// With a share of 0 the cases of the index's list `validation` are left out, because they are not training cases.
    /// - Throws: `DataError` if no case would be left for training.
    public func split(validation share: Double, seed: UInt32) throws(DataError) -> Split {
        guard let own = ownSplits.first, share >= 0, share < 1 else {
            return try split(split(validation: share, test: 0, seed: seed))
        }
        if share > 0 { return try split(own) }
        let learnt = ownSplits.count == 1 ? own.training : cases.map(\.name)
        return try split(CaseSplit(training: learnt, validation: [], test: [], source: name))
    }

    /// The note that the index's own split replaces a share; nil if the index has none.
    public var ownSplitNote: String? {
        guard let own = ownSplits.first else { return nil }
        let count = "\(own.validation.count) \(own.validation.count == 1 ? "case" : "cases")"
        return ownSplits.count == 1
            ? "\(name): the index's own list 'validation' of \(count) is used instead of a share"
            : "\(name): the first fold of the index's own \(ownSplits.count), \(count), is used instead of a share"
    }

    /// Sets a share of the cases aside for the final test, and a share for validation.
    /// - Throws: `DataError` if no case would be left for training.
    public func split(validation: Double, test: Double, seed: UInt32) throws(DataError) -> CaseSplit {
        for (name, share) in [("validation", validation), ("test", test)] where !(share >= 0 && share < 1) {
            throw DataError(.badArgument, name, "should be a share of at least 0 and below 1, not \(share)")
        }
        let order = shuffled(seed: seed).map { cases[$0].name }
        func count(_ share: Double) -> Int { share == 0 ? 0 : max(1, Int((Double(order.count) * share).rounded())) }
        let (validationCount, testCount) = (count(validation), count(test))
        guard validationCount + testCount < order.count else {
            throw DataError(
                .badData, name,
                "has \(order.count) cases, and setting \(validationCount + testCount) of them aside leaves none for training; "
                    + "give smaller shares")
        }
        return try CaseSplit(
            training: order.dropFirst(validationCount + testCount).sorted(),
            validation: order.prefix(validationCount).sorted(),
            test: order.dropFirst(validationCount).prefix(testCount).sorted(), source: name)
    }

    /// Sets the named cases aside for validation.
    /// - Throws: `DataError` naming a case that is not in the dataset.
    public func split(validation names: [String]) throws(DataError) -> Split {
        let set = try find(names)
        return Split(training: cases.filter { !set.contains($0) }, validation: cases.filter(set.contains))
    }

    /// The cases of the three lists of a split.
    /// - Throws: `DataError` naming a case that is not in the dataset.
    public func split(_ split: CaseSplit) throws(DataError) -> Split {
        let (training, validation) = (try find(split.training), try find(split.validation))
        guard !training.isEmpty else { throw DataError(.badData, name, "the split leaves no case to train on") }
        let test = try find(split.test)
        return Split(
            training: cases.filter(training.contains), validation: cases.filter(validation.contains),
            test: cases.filter(test.contains))
    }

    /// Divides the cases into `count` folds by a seed: in split i, fold i is for validation and all other folds are for
    /// training.
    ///
    /// - Parameter test: The share of the cases that is set aside from all folds for the final test.
    /// - Throws: `DataError` if there are too few cases.
    public func folds(_ count: Int, test share: Double, seed: UInt32) throws(DataError) -> [CaseSplit] {
        guard share >= 0, share < 1 else {
            throw DataError(.badArgument, "test", "should be a share of at least 0 and below 1, not \(share)")
        }
        let order = shuffled(seed: seed).map { cases[$0].name }
        let testCount = share == 0 ? 0 : max(1, Int((Double(order.count) * share).rounded()))
        let (test, rest) = (order.prefix(testCount), order.dropFirst(testCount))
        guard count >= 2, rest.count >= count else {
            throw DataError(
                .badArgument, "folds", "should be from 2 to the number of available cases, \(rest.count), not \(count)")
        }
        var splits: [CaseSplit] = []
        for fold in 0..<count {
            let members = rest.enumerated().filter { $0.offset % count == fold }.map(\.element)
            let others = rest.enumerated().filter { $0.offset % count != fold }.map(\.element)
            splits.append(
                try CaseSplit(
                    training: others.sorted(), validation: members.sorted(), test: test.sorted(), source: name))
        }
        return splits
    }

    /// The split of the MED_Segmentation report: its five test cases of Task09, and eight of the other 36 cases for
    /// validation, chosen by seed 42.
    ///
    /// The report names its test cases but not its eight validation cases.
    /// - Throws: `DataError` naming a test case that is not in the dataset.
    public func reportSplit() throws(DataError) -> CaseSplit {
        let test = try find([3, 9, 20, 32, 62].map { "spleen_\($0)" })
        let rest = shuffled(seed: 42).map { cases[$0] }.filter { !test.contains($0) }
        guard rest.count > 8 else {
            throw DataError(
                .badData, name,
                "has \(cases.count) cases, but the split of the MED_Segmentation report is for the 41 cases of Task09")
        }
        return try CaseSplit(
            training: rest.dropFirst(8).map(\.name).sorted(), validation: rest.prefix(8).map(\.name).sorted(),
            test: test.map(\.name).sorted(), source: name)
    }

    private func find(_ names: [String]) throws(DataError) -> Set<DatasetCase> {
        let known = Dictionary(cases.map { ($0.name, $0) }) { first, _ in first }
        let absent = names.filter { known[$0] == nil }
        guard absent.isEmpty else {
            throw DataError(
                .badData, name,
                "has no \(absent.count == 1 ? "case" : "cases") \(absent.map { "'\($0)'" }.shortList()); its cases: "
                    + known.keys.sorted().shortList())
        }
        return Set(names.compactMap { known[$0] })
    }

    /// The indices of the cases in a random order.
    private func shuffled(seed: UInt32) -> [Int] {
        var random = NumPyRandomState(seed: seed)
        var order = Array(cases.indices)
        for last in order.indices.reversed().dropLast() { order.swapAt(last, random.randint(last + 1)) }
        return order
    }
}
