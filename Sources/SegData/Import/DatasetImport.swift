public import Foundation
public import SegCore
internal import SegImaging

/// Imports a dataset into a folder of the Decathlon's layout.
public struct DatasetImport {
    /// The way in which files of a folder get into the dataset.
    public enum Transfer: Sendable {
        /// Copies; later changes of the source do not affect the dataset.
        case copy
        /// Symbolic links, for sources that are too large to store twice.
        case link
    }

    /// The progress of an import.
    public enum Progress: Sendable {
        /// The bytes downloaded so far, and the total (0 if unknown).
        case downloading(Int, of: Int)
        /// The share of the archive that has been read.
        case unpacking(Double)
        /// The number of files in place, and the total.
        case placing(Int, of: Int)
    }

    /// The path of an archive or a folder, or a URL.
    public var source: String
    /// The dataset's folder, which must not contain files yet.
    public var folder: URL
    /// The patterns that pair the files of a folder in no known layout.
    public var patterns: Dataset.Patterns?
    /// The way in which files of a folder are transferred.
    public var transfer: Transfer
    /// The MD5 of the archive, 32 hexadecimal digits; nil uses the stored MD5 of a known archive.
    public var md5: String?

    /// The transfer that downloads an archive from a URL; nil if downloads are not allowed.
    private let network: (any DownloadTransfer)?

    /// Creates an import; nothing is read yet.
    public init(
        _ source: String, to folder: URL, patterns: Dataset.Patterns?, transfer: Transfer, md5: String?,
        network: (any DownloadTransfer)? = nil
    ) {
        self.network = network
        self.source = source
        self.folder = folder
        self.patterns = patterns
        self.transfer = transfer
        self.md5 = md5
    }

    /// The MD5 of archives whose publishers give it, by file name.
    private static let knownArchives = [
        // Medical Segmentation Decathlon, 1,610,352,640 bytes.
        "Task09_Spleen.tar": "410d4a301da4e5b2f6f86ec3ddba524e"
    ]

    /// Runs the import; the folder appears when it is complete, and an existing folder is never overwritten.
    ///
    /// Until then a downloaded archive is kept in `FOLDER.part`, and a later run continues the download.
    /// - Throws: `DataError` naming the file that is missing, damaged or in the way.
    public func run(progress: @escaping @Sendable (Progress) -> Void) throws(DataError) -> Dataset {
        try checkArguments()
        let download = try fetch(progress)
        let archive = download?.file.path ?? source
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: archive, isDirectory: &isFolder) else {
            throw DataError(.noInput, archive, "this archive or folder does not exist; check the name")
        }
        // A link to an empty folder stays a link.
        let target = folder.resolvingSymlinksInPath()
        let staging = try ImportFolder(for: target)
        defer { staging.remove() }
        let found: Dataset
        do throws(DataError) {
            found =
                isFolder.boolValue
                ? try take(folder: archive, into: staging, progress)
                : try take(archive: archive, of: download, into: staging, progress)
        } catch {
            throw DataError(
                error.kind, staging.renamed(error.subject, source: source, target: target), key: error.key,
                staging.renamed(error.message, source: source, target: target))
        }
        try staging.become(target)
        // An archive that an earlier import downloaded for this folder is no longer needed.
        if let download { download.remove() } else { Download.removeLeftover(at: part) }
        var imported = try Dataset(path: folder.path)
        imported.index = staging.renamed(found.index, source: source, target: target)
        imported.notes = found.notes.map { staging.renamed($0, source: source, target: target) }
        return imported
    }

    private func take(
        folder: String, into staging: ImportFolder, _ progress: (Progress) -> Void
    ) throws(DataError) -> Dataset {
        var found = try Dataset(folder: folder, patterns: patterns)
        found.notes += try place(found, in: staging.dataset, moving: false, progress)
        return found
    }

    private func take(
        archive: String, of download: Download?, into staging: ImportFolder, _ progress: (Progress) -> Void
    ) throws(DataError) -> Dataset {
        if download == nil { try verify(archive) }
        try unpack(archive, of: download, into: staging.archive, progress)
        var found = try Dataset(folder: root(of: staging.archive).path, patterns: patterns)
        try found.checkLies(in: staging.archive, archive: source)
        found.notes += try place(found, in: staging.dataset, moving: true, progress)
        return found
    }

    /// Checks everything that is known before the download.
    private func checkArguments() throws(DataError) {
        if let md5, md5.count != 32 || !md5.allSatisfy({ $0.isASCII && $0.isHexDigit }) {
            throw DataError(
                .badArgument, "MD5 '\(md5)'", "should be 32 hexadecimal digits; copy it from the archive's publisher")
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else { return }
        guard isFolder.boolValue else {
            throw DataError(.cannotWrite, folder.path, "is a file; give a folder that is new or empty")
        }
        if let found = try? FileManager.default.contentsOfDirectory(atPath: folder.path), !found.isEmpty {
            throw DataError(.cannotWrite, folder.path, "is not empty; give another folder")
        }
    }

    /// The file of a download. Its name is made from the dataset's name, because a file with the archive's name may be
    /// the user's own.
    private var part: URL {
        folder.deletingLastPathComponent().appendingPathComponent(
            "\(folder.lastPathComponent).part", isDirectory: false)
    }

    /// The finished download if the source is a URL, otherwise nil.
    private func fetch(_ progress: @escaping @Sendable (Progress) -> Void) throws(DataError) -> Download? {
        let address = source.lowercased()
        guard address.hasPrefix("http://") || address.hasPrefix("https://") else { return nil }
        guard let url = URL(string: source), url.host != nil, !url.lastPathComponent.isEmpty else {
            throw DataError(.badArgument, source, "is not the URL of a file")
        }
        guard let network else {
            throw DataError(.badArgument, source, "is a URL, but downloads are not allowed here: download it first")
        }
        let download = Download(url, to: part, md5: md5 ?? Self.knownArchives[url.lastPathComponent], by: network)
        try download.run { progress(.downloading($0, of: $1)) }
        return download
    }

    /// Unpacks an archive; a damaged download is deleted, because a later run would find the same bytes again.
    private func unpack(
        _ archive: String, of download: Download?, into folder: URL, _ progress: (Progress) -> Void
    ) throws(DataError) {
        do throws(DataError) {
            try Archive.unpack(archive, into: folder) { progress(.unpacking($0)) }
        } catch {
            guard let download, error.kind == .badData else { throw error }
            download.remove()
            throw DataError(.badData, source, "\(error.message) (The download was deleted.)")
        }
    }

    private func verify(_ archive: String) throws(DataError) {
        guard let md5 = md5 ?? Self.knownArchives[URL(fileURLWithPath: archive).lastPathComponent] else { return }
        let found = try ContentDigest.of(file: archive, .md5)
        guard found == md5.lowercased() else {
            throw DataError(.badData, archive, "its MD5 is \(found), not \(md5); copy or download it again")
        }
    }

    /// The folder of the index: the unpacked folder, or its only entry.
    private func root(of unpacked: URL) -> URL {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: unpacked.path)) ?? []
        return names.count == 1 ? unpacked.appendingPathComponent(names[0]) : unpacked
    }

    /// Places images and labels under the cases' names and writes the index last.
    /// - Returns: Remarks about converted labels, one sentence each.
    private func place(
        _ dataset: Dataset, in staging: URL, moving: Bool, _ progress: (Progress) -> Void
    ) throws(DataError) -> [String] {
        try dataset.checkFiles(source: source)
        let tests = dataset.testScans
        let parts = ["imagesTr", "labelsTr"] + (tests.isEmpty ? [] : ["imagesTs"])
        for part in parts + (tests.contains { $0.label != nil } ? ["labelsTs"] : []) {
            try DurableFile.makeFolder(staging.appendingPathComponent(part).path)
        }
        let count = dataset.files.count
        var (done, notes): (Int, [String]) = (0, [])
        // If a file belongs to several cases, moving it for one case would remove it for the others.
        let shared = Dictionary(grouping: dataset.files) { $0 }.filter { $1.count > 1 }
        func take(_ file: String, _ part: String, _ name: String) throws(DataError) -> String {
            let place = "\(part)/\(name)\(ScanFile.ending(of: file) ?? "")"
            try transfer(
                file, to: staging.appendingPathComponent(place), moving: moving && shared[file] == nil,
                linking: !moving && transfer == .link)
            done += 1
            progress(.placing(done, of: count))
            return "./\(place)"
        }
        func take(_ images: [String], _ part: String, _ name: String) throws(DataError) -> [String] {
            guard images.count > 1 else { return [try take(images[0], part, name)] }
            var places: [String] = []
            for (channel, file) in images.enumerated() {
                places.append(try take(file, part, name + CaseChannels.suffix(channel)))
            }
            return places
        }
        /// Transfers a label map; segments, such as those of a DICOM segmentation, are converted to a NIfTI on the
        /// scan's grid.
        func take(label: String, of scan: String, _ part: String, _ name: String) throws(DataError) -> String {
            guard ScanFile.isLabel(label) else { return try take(label, part, name) }
            let place = "\(part)/\(name)\(ScanFile.maskEnding(like: scan))"
            let remarks = try dataset.writeLabel(label, of: scan, to: staging.appendingPathComponent(place).path)
            notes += remarks.map { "\(label): \($0)" }
            done += 1
            progress(.placing(done, of: count))
            return "./\(place)"
        }
        // Label maps are placed before their scans: reading a label map may need the scan's grid, and the scan may be
        // moved.
        var entries: [String: DatasetIndex.Entry] = [:]
        for item in dataset.cases {
            let label = try take(label: item.label, of: item.image, "labelsTr", item.name)
            entries[item.name] = DatasetIndex.Entry(images: try take(item.images, "imagesTr", item.name), label: label)
        }
        var scans: [DatasetIndex.Entry] = []
        for scan in tests {
            let label = try scan.label.map { label throws(DataError) in
                try take(label: label, of: scan.images[0], "labelsTs", scan.name)
            }
            scans.append(DatasetIndex.Entry(images: try take(scan.images, "imagesTs", scan.name), label: label))
        }
        try index(of: dataset, entries, scans).write(to: staging.appendingPathComponent("dataset.json"))
        return notes
    }

    /// The index of the imported dataset, with the splits of the original.
    private func index(
        of dataset: Dataset, _ entries: [String: DatasetIndex.Entry], _ scans: [DatasetIndex.Entry]
    ) -> DatasetIndex {
        var entries = entries
        if dataset.ownSplits.count > 1 {
            for (fold, split) in dataset.ownSplits.enumerated() {
                for name in split.validation { entries[name]?.fold = fold }
            }
        }
        let measured = dataset.ownSplits.count == 1 ? Set(dataset.ownSplits[0].validation) : []
        func list(isMeasured: Bool) -> [DatasetIndex.Entry] {
            dataset.cases.filter { measured.contains($0.name) == isMeasured }.compactMap { entries[$0.name] }
        }
        // If the archive's files are in no folder, the dataset's name is only that of the temporary folder.
        let name = dataset.name == ImportFolder.archiveName ? folder.lastPathComponent : dataset.name
        var index = DatasetIndex(
            name: name, description: "Imported from \(URL(fileURLWithPath: source).lastPathComponent)",
            channelNames: dataset.channelNames, labels: dataset.labels, training: list(isMeasured: false), test: scans)
        index.validation = list(isMeasured: true)
        index.ignoredLabel = dataset.ignoredLabel
        return index
    }

    private func transfer(_ file: String, to place: URL, moving: Bool, linking: Bool) throws(DataError) {
        let source = URL(fileURLWithPath: file)
        do {
            if moving {
                try FileManager.default.moveItem(at: source, to: place)
            } else if linking {
                try FileManager.default.createSymbolicLink(at: place, withDestinationURL: source.standardizedFileURL)
            } else {
                try FileManager.default.copyItem(at: source.resolvingSymlinksInPath(), to: place)
            }
        } catch {
            throw DataError(.cannotWrite, place.path, "cannot be written: \(error.systemReason)")
        }
    }
}

extension Dataset {
    /// The files of every case and of the test scans.
    fileprivate var files: [String] {
        cases.flatMap { $0.images + [$0.label] } + testScans.flatMap { $0.images + ($0.label.map { [$0] } ?? []) }
    }

    /// Checks that every file exists and has a format that can be imported.
    fileprivate func checkFiles(source: String) throws(DataError) {
        let missing = Self.missing(of: files)
        guard missing.isEmpty else {
            let count = missing.count == 1 ? "1 file of the dataset is" : "\(missing.count) files of the dataset are"
            throw DataError(.noInput, source, "\(count) missing: \(missing.shortList())")
        }
        let known = ScanFile.singleFileEndings
        let images = Set(cases.flatMap(\.images) + testScans.flatMap(\.images)).filter(ScanFile.isOfSource)
        let plain = files.filter { !images.contains($0) && !ScanFile.isLabel($0) }
        let other = plain.filter { file in !known.contains { $0 == ScanFile.ending(of: file) } }
        guard other.isEmpty else {
            throw DataError(
                .badData, source,
                "contains files other than \(known.joined(separator: ", ")): \(other.shortList()); convert them first")
        }
        let headers = plain.filter { file in (try? ScanFile.layout(of: file).files.count) ?? 1 > 1 }
        guard headers.isEmpty else {
            throw DataError(
                .badData, source,
                "contains headers with separate voxel files: \(headers.shortList()); write each as one file first, "
                    + "with medseg data convert")
        }
    }

    /// Writes segments as a label map on their scan's grid.
    /// - Returns: Remarks about the segments, one sentence each.
    fileprivate func writeLabel(_ label: String, of scan: String, to path: String) throws(DataError) -> [String] {
        let (volume, geometry) = try ScanFile.readLabel(label, of: scan, classes: labels)
        let numbers = try LabelMap.numbers(of: volume, file: label)
        try ScanFile.write(numbers, size: volume.size, like: geometry, to: path, overwrite: false)
        return geometry.remarks
    }

    /// Checks that an archive's own index contains only files of the archive.
    fileprivate func checkLies(in folder: URL, archive: String) throws(DataError) {
        let inside = folder.resolvingSymlinksInPath().path + "/"
        let outside = files.filter { !URL(fileURLWithPath: $0).resolvingSymlinksInPath().path.hasPrefix(inside) }
        guard outside.isEmpty else {
            throw DataError(
                .badData, archive,
                "its dataset.json names \(outside.map { "'\($0)'" }.shortList()), which is not in the archive; "
                    + "correct the index")
        }
    }
}
