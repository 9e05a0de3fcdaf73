public import SegCore

/// A format of scan files, with all that `ScanFile` needs.
protocol ScanFormat: Sendable {
    /// The name of the format for people.
    static var name: String { get }
    /// The file extensions that are read, in lower case, the longest first.
    static var endings: [String] { get }
    /// The file extensions with header and voxels in one file, the usual one first.
    static var singleFileEndings: [String] { get }
    /// The file extensions that are written, the usual one first.
    static var writtenEndings: [String] { get }
    /// Whether a file has this format, by its first bytes; for a gzip file, `head` is already decompressed.
    static func begins(_ head: [UInt8]) -> Bool
    /// Reads the header alone.
    /// - Throws: `DataError` if the file is missing or does not have this format.
    static func layout(of path: String) throws(DataError) -> ScanLayout
    /// Reads a file of any dimension.
    ///
    /// Memory is filled only as (decompressed) bytes arrive, whatever size the header claims.
    /// - Throws: `DataError` if the file is missing, is damaged, does not contain one real number per voxel, or needs
    ///   more memory than is free.
    static func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan
    /// The separate file of the voxels of a written file; nil if there is none.
    static func voxelFile(of path: String) -> String?
    /// Whether several maps on the same grid are written into one file, along a fourth axis.
    static var holdsSeveralMaps: Bool { get }
    /// Writes a volume to a file that may be replaced.
    /// - Parameters:
    ///   - maps: The voxels; more than one map only if `holdsSeveralMaps`.
    ///   - geometry: The geometry of the voxels, from any format.
    /// - Throws: `DataError` if writing fails.
    static func write<Value: WritableVoxel>(
        _ maps: [[Value]], size: Triple, geometry: ScanGeometry, to path: String
    ) throws(DataError)
}

/// The layout of a file's voxels according to its header.
public struct ScanLayout: Sendable {
    /// The sizes of all stored axes.
    public var shape: [Int]
    /// The stored type.
    public var type: VoxelType
    /// The number of bytes before the voxels, decompressed.
    public var offset: Int
    /// The file of the header, then the file of the voxels if it is separate; for a DICOM series all files.
    public var files: [String]
    /// The geometry of the voxels.
    public var geometry: ScanGeometry

    /// Creates a layout from the values of a header.
    package init(shape: [Int], type: VoxelType, offset: Int, files: [String], geometry: ScanGeometry) {
        (self.shape, self.type, self.offset) = (shape, type, offset)
        (self.files, self.geometry) = (files, geometry)
    }

    /// Whether a file can contain voxels of this shape at all.
    static func isPossible(_ shape: [Int], _ type: VoxelType) -> Bool {
        var bytes = type.byteCount
        for extent in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= Int.max / 8 else { return false }
            bytes = product
        }
        return true
    }

    /// The number of voxels.
    public var count: Int { shape.reduce(1, *) }
    /// The number of bytes of the voxels.
    public var byteCount: Int { count * type.byteCount }
    /// The shape as text, such as `512×512×90`.
    var extents: String { shape.map(String.init).joined(separator: "×") }
}

/// The limits on the bytes that a file may contain in addition to its voxels.
public struct ScanLimits: Sendable {
    /// The maximum number of bytes before the voxels.
    public var headerBytes: Int
    /// The maximum number of bytes after the voxels in a compressed NIfTI; in other formats the compressed data ends
    /// with the voxels.
    public var trailerBytes: Int

    /// Creates limits; by default the program's own.
    public init(headerBytes: Int = Limits.scanHeaderBytes, trailerBytes: Int = Limits.scanTrailerBytes) {
        (self.headerBytes, self.trailerBytes) = (headerBytes, trailerBytes)
    }
}
