public import SegCore
internal import SegImaging

/// The scans of a case that are its channels, in the network's order.
public struct CaseChannels: Hashable, Sendable {
    /// The name of the case: the first file's name without its file extension and without `_0000`.
    public let name: String
    /// The files, one per channel.
    public let files: [String]

    /// Creates a case from its name and files.
    public init(name: String, files: [String]) { (self.name, self.files) = (name, files) }

    /// Creates a case from files; the name of the case comes from the first file, as described at `name`.
    public init(files: [String]) {
        let first = Self.parts(of: files[0])
        self.init(name: first?.channel == 0 ? first?.name ?? "" : ScanFile.stem(of: files[0]), files: files)
    }

    /// Groups scans into cases.
    ///
    /// If there are as many files as a case has channels, they are one case, unless their names number them as files of
    /// several cases. Files that are named `CASE_0000`, `CASE_0001` and so on come in the order of these numbers, as in
    /// nnU-Net, others in the given order. If every file is 4-D, each file is a case. Otherwise the files of several cases are
    /// named by numbers, and may come in any order.
    /// - Parameters:
    ///   - files: The scans.
    ///   - count: The number of channels of a case.
    ///   - note: Called with a sentence if the numbers of a case contradict the given order.
    /// - Throws: `DataError` if the files do not form complete cases.
    public static func group(
        _ files: [String], by count: Int, note: (String) -> Void = { _ in }
    ) throws(DataError) -> [CaseChannels] {
        let named = files.map { (file: $0, parts: parts(of: $0)) }
        let stems = Set(named.compactMap(\.parts?.name))
        let numbers = Set(named.compactMap(\.parts?.channel))
        // Files that are all numbered, but not like one case, belong to several cases.
        let areOfSeveral = named.allSatisfy { $0.parts != nil } && (stems.count > 1 || numbers.count < count)
        // 4-D files are whole cases.
        if files.allSatisfy({ (try? ScanFile.channelCount(of: $0)) == count }) {
            return files.map { CaseChannels(name: ScanFile.stem(of: $0), files: [$0]) }
        }
        if files.count == count, !areOfSeveral {
            guard named.allSatisfy({ $0.parts != nil }) else { return [CaseChannels(files: files)] }
            let ordered = named.sorted { ($0.parts?.channel ?? 0) < ($1.parts?.channel ?? 0) }.map(\.file)
            if ordered != files {
                note(
                    "\(files.joined(separator: ", ")): the channels are taken in the order of the files' numbers, as in nnU-Net"
                )
            }
            return [CaseChannels(files: ordered)]
        }
        var cases: [String: [Int: String]] = [:]
        for (file, parts) in named {
            guard let parts else {
                if let error = Self.oddCount(of: files, count) { throw error }
                throw DataError(
                    .badArgument, file,
                    (files.count == 1 ? "is one scan" : "is one of \(files.count) scans")
                        + ", but the model needs \(count) scans per case; give the \(count) "
                        + "scans of one case, or name the scans of several cases CASE_0000, CASE_0001 and so on")
            }
            let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
            if let other = cases[folder + parts.name]?[parts.channel] {
                throw DataError(
                    .badArgument, file, "is the same channel of the same case as \(other); give one of them")
            }
            cases[folder + parts.name, default: [:]][parts.channel] = file
        }
        return try cases.sorted { $0.key < $1.key }.map { (key, channels) throws(DataError) in
            let found = (0..<count).compactMap { channels[$0] }
            guard found.count == count, channels.count == count else {
                let missing = (0..<count).filter { channels[$0] == nil }.map { suffix($0) }
                throw DataError(
                    .badArgument, key,
                    missing.isEmpty
                        ? "has \(channels.count) channels, but the model takes \(count)"
                        : "has no \(missing.joined(separator: ", ")); the model takes \(count) channels")
            }
            return CaseChannels(name: parts(of: found[0])?.name ?? key, files: found)
        }
    }

    /// The error for a file whose volumes are not the channels of a case, beside 4-D files or alone; nil if every file is one
    /// volume.
    private static func oddCount(of files: [String], _ count: Int) -> DataError? {
        let counts = files.map { (try? ScanFile.channelCount(of: $0)) ?? 1 }
        let odd = counts.firstIndex { $0 != count }
        guard let odd, counts.contains(where: { $0 > 1 }) else { return nil }
        return DataError(
            .badArgument, files[odd],
            "has \(counts[odd] == 1 ? "one channel" : "\(counts[odd]) channels"), but the model takes \(count); give 4-D "
                + "files of \(count) channels alone, or one file per channel")
    }

    /// The end of the name of nnU-Net's file of a channel, before the file extension: `_0002`.
    static func suffix(_ channel: Int) -> String {
        let digits = String(channel)
        return "_" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// The numbers in the names of a case's files, in the files' order; nil for one file, for files of different names and
    /// if a number is missing or occurs twice.
    static func numbers(of files: [String]) -> [Int]? {
        let named = files.compactMap { parts(of: $0) }
        let numbers = named.map(\.channel)
        guard files.count > 1, named.count == files.count, Set(named.map(\.name)).count == 1,
            Set(numbers).count == numbers.count
        else { return nil }
        return numbers
    }

    /// `case` and 2 for `case_0002.nii.gz`; nil for other names.
    static func parts(of file: String) -> (name: String, channel: Int)? {
        let stem = ScanFile.stem(of: file)
        guard let bar = stem.lastIndex(of: "_") else { return nil }
        let digits = stem[stem.index(after: bar)...]
        guard digits.count == 4, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits) else {
            return nil
        }
        return (String(stem[..<bar]), number)
    }
}
