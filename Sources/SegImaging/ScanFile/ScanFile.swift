internal import Foundation
public import SegCore

/// Reads, writes and describes files of scans and masks in any format.
///
/// A file's format is determined by its first bytes, or by its extension if they are not conclusive. Each format is a
/// folder of this target and one entry of `formats`. Other targets register a `ScanSource`, such as DICOM.
public enum ScanFile {
    static let formats: [any ScanFormat.Type] = [NIfTI.self, NRRD.self, MetaImage.self]

    /// Reads a file of any dimension.
    ///
    /// - Throws: `DataError` if the file is missing, has an unknown format, is damaged, contains colour or complex
    ///   numbers, or needs more memory than is free.
    public static func read(_ path: String, limits: ScanLimits = ScanLimits()) throws(DataError) -> StoredScan {
        try reader(of: path).read(path, limits: limits)
    }

    /// Reads a scalar 3-D volume.
    ///
    /// - Throws: `DataError` as `read`, and if the file has fewer or more than three dimensions.
    public static func readVolume(
        _ path: String, limits: ScanLimits = ScanLimits()
    ) throws(DataError) -> (volume: Volume, geometry: ScanGeometry) {
        let scan = try read(path, limits: limits)
        return (try scan.volume(path: path), scan.geometry)
    }

    /// Reads the label map of a scan: a volume of any format, or segments that a source places on the scan's grid.
    ///
    /// - Parameters:
    ///   - scan: The scan's file or folder; its header is read if the label is not a volume.
    ///   - classes: The names of classes by number: a segment gets the number of the class with its name. Empty for the
    ///     file's own numbers.
    /// - Throws: `DataError` as `readVolume`, and with all reasons why segments are not a label map of the scan.
    public static func readLabel(
        _ path: String, of scan: String, classes: [Int: String] = [:], limits: ScanLimits = ScanLimits()
    ) throws(DataError) -> (volume: Volume, geometry: ScanGeometry) {
        if case .source(let source) = try reader(of: path), source.isLabel(path),
            let label = try source.readLabel(path, on: layout(of: scan).geometry, classes: classes)
        {
            return label
        }
        return try readVolume(path, limits: limits)
    }

    /// Reads the header alone.
    ///
    /// - Throws: `DataError` if the file is missing, has an unknown format or a damaged header.
    public static func layout(of path: String) throws(DataError) -> ScanLayout {
        try reader(of: path).layout(of: path)
    }

    /// Writes voxels on a scan's grid, with its geometry, in the format of the name's extension.
    ///
    /// If scan and file have the same format, the geometry fields of the scan's header are kept to the bit. The file is
    /// written as a whole or not at all.
    ///
    /// - Parameters:
    ///   - voxels: `size.count` values, axis 2 fastest, as in `Volume`.
    ///   - geometry: The geometry of the scan; its first three sizes must be `size`.
    /// - Throws: `DataError` if the file exists and `overwrite` is false, or if writing fails.
    public static func write<Value: WritableVoxel>(
        _ voxels: [Value], size: Triple, like geometry: ScanGeometry, to path: String, overwrite: Bool = false
    ) throws(DataError) {
        try write(maps: [voxels], size: size, like: geometry, to: path, overwrite: overwrite)
    }

    /// Writes maps on the same grid, several maps along a fourth axis, as MONAI's `SaveImage` writes channels.
    ///
    /// - Parameters:
    ///   - maps: At least one, each of `size.count` values, axis 2 fastest, as in `Volume`.
    ///   - geometry: The geometry of the scan; its first three sizes must be `size`.
    /// - Throws: `DataError` as for one map, and if there are several maps but the format allows only one.
    public static func write<Value: WritableVoxel>(
        maps: [[Value]], size: Triple, like geometry: ScanGeometry, to path: String, overwrite: Bool = false
    ) throws(DataError) {
        precondition(!maps.isEmpty, "a file needs a map")
        for map in maps {
            precondition(map.count == size.count, "a volume of \(size) needs \(size.count) voxels, not \(map.count)")
        }
        guard size.count > 0 else {
            throw DataError(.badArgument, path, "a volume of \(size) has no voxels; nothing was written.")
        }
        let extents = (0..<3).map { $0 < geometry.shape.count ? geometry.shape[$0] : 1 }
        guard extents == [size.d, size.h, size.w] else {
            let scan = extents.map(String.init).joined(separator: "×")
            throw DataError(
                .badArgument, path,
                "a volume of \(size) cannot have the geometry of a scan of \(scan); resample it to that grid first.")
        }
        guard let format = formats.first(where: { $0.writtenEndings.contains(where: path.hasSuffix) }) else {
            throw DataError(
                .badArgument, path,
                "has no writable file extension (\(writtenEndings.joined(separator: ", "))); change the name.")
        }
        guard maps.count == 1 || format.holdsSeveralMaps else {
            throw DataError(
                .badArgument, path,
                "\(maps.count) maps are written along a fourth axis, which only NIfTI supports; choose a name that ends "
                    + "in .nii.gz.")
        }
        for file in [path, format.voxelFile(of: path)] {
            if let file { try checkTarget(file, overwrite: overwrite) }
        }
        // The uncompressed file, and the same amount again if it is compressed.
        let count = maps.count * size.count * MemoryLayout<Value>.stride
        try FreeMemory.check(
            arrays: path.hasSuffix(".nii") ? count : 2 * count, subject: path, for: "writing \(size) voxels",
            advice: "free memory and try again")
        try format.write(maps, size: size, geometry: geometry, to: path)
    }

    /// Whether a file can contain several maps on the same grid, by its extension.
    public static func holdsSeveralMaps(_ path: String) -> Bool {
        formats.first { $0.writtenEndings.contains(where: path.hasSuffix) }?.holdsSeveralMaps ?? false
    }

    /// Writes voxels with an affine.
    ///
    /// - Throws: `DataError` if the affine is not usable, the file exists and `overwrite` is false, or writing fails.
    public static func write<Value: WritableVoxel>(
        _ voxels: [Value], size: Triple, affine: Affine, to path: String, overwrite: Bool = false
    ) throws(DataError) {
        try write(maps: [voxels], size: size, affine: affine, to: path, overwrite: overwrite)
    }

    /// Writes maps on the same grid with an affine.
    ///
    /// - Throws: `DataError` as for one map, and if there are several maps but the format allows only one.
    public static func write<Value: WritableVoxel>(
        maps: [[Value]], size: Triple, affine: Affine, to path: String, overwrite: Bool = false
    ) throws(DataError) {
        guard affine.elements.allSatisfy(\.isFinite), affine.inverse != nil else {
            throw DataError(.badArgument, path, "the affine \(affine.elements) is not finite or cannot be inverted.")
        }
        let geometry = ScanGeometry(affine: affine, size: size)
        try write(maps: maps, size: size, like: geometry, to: path, overwrite: overwrite)
    }

    /// Whether MedSeg wrote a file, either a volume or a DICOM object.
    public static func isOurs(_ path: String) -> Bool { (try? reader(of: path))?.isOurs(path) ?? false }

    /// Checks that a file may be written, before its contents are computed.
    private static func checkTarget(_ path: String, overwrite: Bool) throws(DataError) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw DataError(.cannotWrite, path, "its folder does not exist; create it first.")
        }
        guard overwrite || !FileManager.default.fileExists(atPath: path) else {
            throw DataError(
                .cannotWrite, path, "exists already; remove it, choose another name or allow overwriting.")
        }
    }

    /// The reader of a file, by its first bytes, else by its extension. Folders are scans of the first source.
    static func reader(of path: String) throws(DataError) -> ScanReader {
        let sources = sources
        if let source = sources.first, isFolder(path) { return .source(source) }
        let named = formats.first { $0.endings.contains(where: path.lowercased().hasSuffix) }
        let namedSource = sources.first { $0.endings.contains(where: path.lowercased().hasSuffix) }
        if !FileManager.default.fileExists(atPath: path) {
            if let named { return .format(named) }
            if let namedSource { return .source(namedSource) }
        }
        let source = try ByteSource(path: path)
        let head = source.head()
        // The voxel file of a pair has no magic, because its header is another file; the extension decides its format.
        if let format = formats.first(where: { $0.begins(head) }) ?? named {
            guard !source.isCompressed || format == NIfTI.self else {
                throw DataError(.badData, path, "is compressed as a whole; decompress it first, as with gunzip.")
            }
            return .format(format)
        }
        if let source = sources.first(where: { $0.begins(head) }) ?? namedSource { return .source(source) }
        if head.count >= 132, head[128..<132].elementsEqual("DICM".utf8) {
            throw DataError(
                .badData, path,
                "is DICOM, which this program does not read; convert the series with medseg data convert.")
        }
        let names = (formats.map { $0.name } + sources.map(\.name)).joined(separator: ", ")
        throw DataError(.badData, path, "is not a scan file that MedSeg reads (\(names)); convert it first.")
    }

    /// Whether a folder exists; only a source reads folders.
    package static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}

// MARK: - Names

extension ScanFile {
    /// The file extensions that are read, in lower case, the longest first.
    public static var endings: [String] {
        (formats.flatMap { $0.endings } + sources.flatMap(\.endings)).sorted { $0.count > $1.count }
    }

    /// The file extensions of formats with header and voxels in one file.
    public static let singleFileEndings = formats.flatMap { $0.singleFileEndings }

    /// The file extensions that are written.
    public static let writtenEndings = formats.flatMap { $0.writtenEndings }

    /// The extension of a file's name, in lower case, if it is an extension of scan files; nil otherwise.
    public static func ending(of path: String) -> String? {
        let name = path.lowercased()
        return endings.first { name.hasSuffix($0) }
    }

    /// The extension that belongs to a single file's content, regardless of its name.
    /// - Throws: `DataError` if the file is missing or has an unknown format.
    public static func ending(byContentOf path: String) throws(DataError) -> String {
        switch try reader(of: path) {
        case .source(let source): return source.endings[0]
        case .format(let format) where format == NIfTI.self:
            return try ByteSource(path: path).isCompressed ? ".nii.gz" : ".nii"
        case .format(let format): return format.writtenEndings[0]
        }
    }

    /// The extension of a mask of a scan: the usual one of the scan's format, or NIfTI's if that format is not written.
    public static func maskEnding(like path: String) -> String {
        ((try? reader(of: path)) ?? .format(formats[0])).maskEnding
    }

    /// A file's name without its folder and without a scan's extension.
    public static func stem(of path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return ending(of: name).map { String(decoding: name.utf8.dropLast($0.utf8.count), as: UTF8.self) } ?? name
    }
}
