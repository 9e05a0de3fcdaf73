public import Foundation
public import SegCore
internal import SegImaging

/// Brings a dataset from where it is into a folder of the Decathlon's layout.
public struct DatasetImport {
    /// How files get from a folder into the dataset.
    public enum Transfer: Sendable {
        /// The source stays as it is, and so does the dataset when the source changes.
        case copy
        /// Symbolic links, for sources too large to have twice.
        case link
    }

    /// What a running import says.
    public enum Progress: Sendable {
        /// Bytes there, and in all (0: unknown).
        case downloading(Int, of: Int)
        /// Share of the archive that is read.
        case unpacking(Double)
        /// Files in place, and in all.
        case placing(Int, of: Int)
    }

    /// An archive's, a folder's or a web address.
    public var source: String
    /// The dataset's folder, which must not hold files yet.
    public var folder: URL
    /// How the files of a folder in no known layout pair up.
    public var patterns: Dataset.Patterns?
    /// How files are taken over from a folder.
    public var transfer: Transfer
    /// The MD5 of the archive, 32 hexadecimal digits; nil takes that of a known one.
    public var md5: String?

    /// Plans an import.
    public init(_ source: String, to folder: URL, patterns: Dataset.Patterns?, transfer: Transfer, md5: String?) {
        self.source = source
        self.folder = folder
        self.patterns = patterns
        self.transfer = transfer
        self.md5 = md5
    }

    /// MD5 of archives whose publishers give one, by file name.
    private static let knownArchives = [
        // Medical Segmentation Decathlon, 1,610,352,640 bytes.
        "Task09_Spleen.tar": "410d4a301da4e5b2f6f86ec3ddba524e"
    ]

    /// Runs the import; the folder appears under its name when everything is in it.
    ///
    /// An archive that is downloaded lies in `FOLDER.part` until then, and a later run goes on with it.
    /// - Throws: `DataError` naming what is missing, damaged or in the way.
    public func run(progress: @escaping @Sendable (Progress) -> Void) throws(DataError) -> Dataset {
        try checkArguments()
        let download = try fetch(progress)
        let archive = download?.file.path ?? source
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: archive, isDirectory: &isFolder) else {
            throw DataError(.noInput, archive, "there is no such archive or folder; check the name")
        }
        let staging = sibling("partial")
        defer { try? FileManager.default.removeItem(at: staging) }
        if isFolder.boolValue {
            let found = try Dataset(folder: archive, patterns: patterns)
            try place(found, in: staging, moving: false, progress)
        } else {
            if download == nil { try verify(archive) }
            let unpacked = sibling("unpacked")
            defer { try? FileManager.default.removeItem(at: unpacked) }
            try make(unpacked)
            try unpack(archive, of: download, into: unpacked, progress)
            let found = try Dataset(folder: root(of: unpacked).path, patterns: patterns)
            try found.checkLies(in: unpacked, archive: source)
            try place(found, in: staging, moving: true, progress)
        }
        try? FileManager.default.removeItem(at: folder)
        do {
            try FileManager.default.moveItem(at: staging, to: folder)
        } catch {
            throw DataError(.cannotWrite, folder.path, "cannot be given its name: \(error.localizedDescription)")
        }
        download?.remove()
        return try Dataset(path: folder.path)
    }

    /// Insists on what can be known before anything is fetched.
    private func checkArguments() throws(DataError) {
        if let md5, md5.count != 32 || !md5.allSatisfy({ $0.isASCII && $0.isHexDigit }) {
            throw DataError(
                .badArgument, "MD5 '\(md5)'", "should be 32 hexadecimal digits; copy it from the archive's publisher")
        }
        if let found = try? FileManager.default.contentsOfDirectory(atPath: folder.path), !found.isEmpty {
            throw DataError(.cannotWrite, folder.path, "is not empty; name another folder")
        }
    }

    /// The finished download where the source is an address, else nil.
    private func fetch(_ progress: @escaping @Sendable (Progress) -> Void) throws(DataError) -> Download? {
        let address = source.lowercased()
        guard address.hasPrefix("http://") || address.hasPrefix("https://") else { return nil }
        guard let url = URL(string: source), url.host != nil, !url.lastPathComponent.isEmpty else {
            throw DataError(.badArgument, source, "is no address of a file")
        }
        // Called after the dataset: a file of the archive's name may be the user's own, of whatever content.
        let file = folder.deletingLastPathComponent()
            .appendingPathComponent("\(folder.lastPathComponent).part", isDirectory: false)
        let download = Download(url, to: file, md5: md5 ?? Self.knownArchives[url.lastPathComponent])
        try download.run { progress(.downloading($0, of: $1)) }
        return download
    }

    /// Unpacks an archive; a downloaded one that is damaged goes, since a later run would meet the same bytes again.
    private func unpack(
        _ archive: String, of download: Download?, into folder: URL, _ progress: (Progress) -> Void
    ) throws(DataError) {
        do throws(DataError) {
            try Archive.unpack(archive, into: folder) { progress(.unpacking($0)) }
        } catch {
            guard let download, error.kind == .badData else { throw error }
            download.remove()
            throw DataError(.badData, source, "\(error.message) (What came was deleted.)")
        }
    }

    private func verify(_ archive: String) throws(DataError) {
        guard let md5 = md5 ?? Self.knownArchives[URL(fileURLWithPath: archive).lastPathComponent] else { return }
        let found = try ContentDigest.of(file: archive, .md5)
        guard found == md5.lowercased() else {
            throw DataError(.badData, archive, "its MD5 is \(found), not \(md5); copy or download it again")
        }
    }

    /// The folder of the index: the unpacked one, or the only one in it.
    private func root(of unpacked: URL) -> URL {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: unpacked.path)) ?? []
        return names.count == 1 ? unpacked.appendingPathComponent(names[0]) : unpacked
    }

    /// Lays images and labels out under the cases' names and writes the index last.
    private func place(
        _ dataset: Dataset, in staging: URL, moving: Bool, _ progress: (Progress) -> Void
    ) throws(DataError) {
        for part in ["imagesTr", "labelsTr"] + (dataset.tests.isEmpty ? [] : ["imagesTs"]) {
            try make(staging.appendingPathComponent(part))
        }
        let count = 2 * dataset.cases.count + dataset.tests.count
        var done = 0
        func take(_ file: String, _ part: String, _ name: String) throws(DataError) -> String {
            let place = "\(part)/\(name)\(try Self.ending(of: file))"
            try transfer(file, to: staging.appendingPathComponent(place), moving: moving)
            done += 1
            progress(.placing(done, of: count))
            return "./\(place)"
        }
        var pairs: [DatasetIndex.Pair] = []
        for item in dataset.cases {
            pairs.append(
                DatasetIndex.Pair(
                    image: try take(item.image, "imagesTr", item.name),
                    label: try take(item.label, "labelsTr", item.name)))
        }
        var tests: [String] = []
        for file in dataset.tests {
            tests.append(try take(file, "imagesTs", NIfTI.stem(of: file)))
        }
        try DatasetIndex(
            name: dataset.name, description: "Imported from \(URL(fileURLWithPath: source).lastPathComponent)",
            modality: dataset.modality, labels: dataset.labels, training: pairs, test: tests
        ).write(to: staging.appendingPathComponent("dataset.json"))
    }

    private func transfer(_ file: String, to place: URL, moving: Bool) throws(DataError) {
        guard FileManager.default.fileExists(atPath: file) else {
            throw DataError(.noInput, file, "belongs to the dataset but is not there")
        }
        let source = URL(fileURLWithPath: file)
        do {
            switch (moving, transfer) {
            case (true, _): try FileManager.default.moveItem(at: source, to: place)
            case (false, .copy): try FileManager.default.copyItem(at: source.resolvingSymlinksInPath(), to: place)
            case (false, .link):
                try FileManager.default.createSymbolicLink(at: place, withDestinationURL: source.standardizedFileURL)
            }
        } catch {
            throw DataError(
                .cannotWrite, place.path,
                "cannot be written (\(error.localizedDescription)); check space and permissions")
        }
    }

    private static func ending(of file: String) throws(DataError) -> String {
        guard let ending = [".nii.gz", ".nii"].first(where: file.lowercased().hasSuffix) else {
            throw DataError(.badData, file, "is no .nii or .nii.gz; convert it first")
        }
        return ending
    }

    /// A hidden folder beside the dataset's that nobody else has.
    private func sibling(_ purpose: String) -> URL {
        folder.deletingLastPathComponent()
            .appendingPathComponent(".\(folder.lastPathComponent).\(purpose)-\(UUID().uuidString)")
    }

    private func make(_ folder: URL) throws(DataError) {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw DataError(.cannotWrite, folder.path, "the folder cannot be made; check space and permissions")
        }
    }
}

extension Dataset {
    /// Insists that an archive's own index names files of the archive and no others.
    fileprivate func checkLies(in folder: URL, archive: String) throws(DataError) {
        let inside = folder.resolvingSymlinksInPath().path + "/"
        for file in cases.flatMap({ [$0.image, $0.label] }) + tests
        where !URL(fileURLWithPath: file).resolvingSymlinksInPath().path.hasPrefix(inside) {
            throw DataError(
                .badData, archive,
                "its dataset.json names '\(file)', which is no file of the archive; correct the index")
        }
    }
}
