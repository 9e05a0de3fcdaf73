internal import Foundation
public import SegCore
internal import SegImaging

/// Cases for training, for validation, and for the last test alone.
public struct CaseSplit: Hashable, Sendable {
    /// Names of what is learnt from.
    public var training: [String]
    /// Names of what decides which checkpoint is kept.
    public var validation: [String]
    /// Names of what is measured once, at the end; mostly none.
    public var test: [String]

    /// Makes a split.
    /// - Throws: `DataError` where a case would be learnt from and measured on.
    public init(training: [String], validation: [String], test: [String], source: String) throws(DataError) {
        var seen: Set<String> = []
        for name in training + validation + test where !seen.insert(name).inserted {
            throw DataError(
                .badData, source,
                "names the case '\(name)' twice; what is trained on cannot be measured on. Keep one mention.")
        }
        self.training = training
        self.validation = validation
        self.test = test
    }
}

extension CaseSplit: Codable {
    private enum CodingKeys: String, CodingKey { case training, validation, test }

    /// Reads the lists; `test` may be missing.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            training: container.decode([String].self, forKey: .training),
            validation: container.decode([String].self, forKey: .validation),
            test: container.decodeIfPresent([String].self, forKey: .test) ?? [], source: "the split")
    }

    /// Reads a `split.json`.
    /// - Throws: `DataError` where it cannot be read or names a case twice.
    public init(file: String) throws(DataError) {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw DataError(
                .noInput, file, "cannot be read; `medseg data split` and every training write a split.json")
        }
        do {
            self = try JSONDecoder().decode(CaseSplit.self, from: data)
        } catch let error as DataError {
            throw DataError(error.kind, file, error.message)
        } catch {
            throw DataError(.badData, file, "should list case names under 'training' and 'validation'")
        }
    }

    /// The lists as JSON text.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension Dataset {
    /// Cases for training and for validation.
    public struct Split: Sendable {
        /// What is learnt from.
        public var training: [DatasetCase]
        /// What is only measured on.
        public var validation: [DatasetCase]
        /// What takes no part until the end.
        public var test: [DatasetCase] = []

        /// The names, as a `split.json` holds them.
        /// - Throws: `DataError` where a case is in both.
        public func names(source: String) throws(DataError) -> CaseSplit {
            try CaseSplit(
                training: training.map(\.name), validation: validation.map(\.name), test: test.map(\.name),
                source: source)
        }
    }

    /// Sets a share of the cases aside, chosen by a seed; at least one where the share is not 0.
    /// - Throws: `DataError` where nothing would be left to train on.
    public func split(validation share: Double, seed: UInt32) throws(DataError) -> Split {
        try split(split(validation: share, test: 0, seed: seed))
    }

    /// Sets a share of the cases aside for the last test, and a share for validation.
    /// - Throws: `DataError` where nothing would be left to train on.
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
                "\(order.count) cases leave none for training when \(validationCount + testCount) are set aside")
        }
        return try CaseSplit(
            training: order.dropFirst(validationCount + testCount).sorted(),
            validation: order.prefix(validationCount).sorted(),
            test: order.dropFirst(validationCount).prefix(testCount).sorted(), source: name)
    }

    /// Sets the named cases aside.
    /// - Throws: `DataError` naming a case that is not in the dataset.
    public func split(validation names: [String]) throws(DataError) -> Split {
        let set = try find(names)
        return Split(training: cases.filter { !set.contains($0) }, validation: cases.filter(set.contains))
    }

    /// The cases of a split; those of its `test` are left out.
    /// - Throws: `DataError` naming a case that is not in the dataset.
    public func split(_ split: CaseSplit) throws(DataError) -> Split {
        let (training, validation) = (try find(split.training), try find(split.validation))
        guard !training.isEmpty else { throw DataError(.badData, name, "the split leaves no case to train on") }
        let test = try find(split.test)
        return Split(
            training: cases.filter(training.contains), validation: cases.filter(validation.contains),
            test: cases.filter(test.contains))
    }

    /// Cuts the cases into k folds by a seed: in the split of number i, fold i is for validation and the rest for training.
    ///
    /// - Parameter test: Share of the cases set aside from all folds, for the last test alone.
    /// - Throws: `DataError` where the cases are too few.
    public func folds(_ count: Int, test share: Double, seed: UInt32) throws(DataError) -> [CaseSplit] {
        guard share >= 0, share < 1 else {
            throw DataError(.badArgument, "test", "should be a share of at least 0 and below 1, not \(share)")
        }
        let order = shuffled(seed: seed).map { cases[$0].name }
        let testCount = share == 0 ? 0 : max(1, Int((Double(order.count) * share).rounded()))
        let (test, rest) = (order.prefix(testCount), order.dropFirst(testCount))
        guard count >= 2, rest.count >= count else {
            throw DataError(
                .badArgument, "folds", "should be from 2 to the \(rest.count) cases there are for it, not \(count)")
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

    /// The split of the report: its five test cases of Task09, and of the other 36 eight for validation by seed 42.
    ///
    /// The report names its test cases; which eight were for validation it does not say.
    /// - Throws: `DataError` naming a test case that is not in the dataset.
    public func reportSplit() throws(DataError) -> CaseSplit {
        let test = try find([3, 9, 20, 32, 62].map { "spleen_\($0)" })
        let rest = shuffled(seed: 42).map { cases[$0] }.filter { !test.contains($0) }
        guard rest.count > 8 else {
            throw DataError(.badData, name, "has \(cases.count) cases; the report's split is of Task09's 41")
        }
        return try CaseSplit(
            training: rest.dropFirst(8).map(\.name).sorted(), validation: rest.prefix(8).map(\.name).sorted(),
            test: test.map(\.name).sorted(), source: name)
    }

    private func find(_ names: [String]) throws(DataError) -> Set<DatasetCase> {
        var found: Set<DatasetCase> = []
        for wanted in names {
            guard let item = cases.first(where: { $0.name == wanted }) else {
                let known = cases.map(\.name).sorted().joined(separator: ", ")
                throw DataError(.badData, name, "has no case '\(wanted)'; its cases: \(known)")
            }
            found.insert(item)
        }
        return found
    }

    /// The numbers of the cases in a random order.
    private func shuffled(seed: UInt32) -> [Int] {
        var random = NumPyRandomState(seed: seed)
        var order = Array(cases.indices)
        for last in order.indices.reversed().dropLast() { order.swapAt(last, random.randint(last + 1)) }
        return order
    }
}
