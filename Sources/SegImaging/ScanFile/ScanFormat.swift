public import SegCore

/// A format of scan files: all that `ScanFile` needs to know of it.
protocol ScanFormat: Sendable {
    /// The format's name for people.
    static var name: String { get }
    /// Endings of the files that are read, in lower case, the longest first.
    static var endings: [String] { get }
    /// Those of them that have header and voxels in one file, the usual one first.
    static var singleFileEndings: [String] { get }
    /// Endings of the files that are written, the usual one first.
    static var writtenEndings: [String] { get }
    /// Whether a file is of this format, by its first bytes; those of a gzip stream are decompressed.
    static func begins(_ head: [UInt8]) -> Bool
    /// Reads the header alone.
    /// - Throws: `DataError` where the file is not there or not of this format.
    static func layout(of path: String) throws(DataError) -> ScanLayout
    /// Reads a file of any dimension.
    ///
    /// No more memory is filled than bytes have arrived for, up to a factor that compression explains.
    /// - Throws: `DataError` where the file is not there, is damaged, holds no single real number a voxel, or needs more
    ///   memory than is free.
    static func read(_ path: String, limits: ScanLimits) throws(DataError) -> StoredScan
    /// The file that the voxels of a written file go to, where it is not the file itself.
    static func voxelFile(of path: String) -> String?
    /// Whether several maps of one grid are written into one file, along a fourth axis.
    static var holdsSeveralMaps: Bool { get }
    /// Writes a volume to a file that may be replaced.
    /// - Parameters:
    ///   - maps: The voxels; more than one map only where `holdsSeveralMaps`.
    ///   - geometry: Where the voxels lie; of any format.
    /// - Throws: `DataError` where writing fails.
    static func write<Value: WritableVoxel>(
        _ maps: [[Value]], size: Triple, geometry: ScanGeometry, to path: String
    ) throws(DataError)
}

/// What a header says of a file's voxels.
public struct ScanLayout: Sendable {
    /// Extents of all stored axes.
    public var shape: [Int]
    /// The stored type.
    public var type: VoxelType
    /// Bytes before the voxels, decompressed.
    public var offset: Int
    /// The file of the header, then that of the voxels where it is another; of a DICOM series every file.
    public var files: [String]
    /// Where the voxels lie.
    public var geometry: ScanGeometry

    /// What a header says.
    package init(shape: [Int], type: VoxelType, offset: Int, files: [String], geometry: ScanGeometry) {
        (self.shape, self.type, self.offset) = (shape, type, offset)
        (self.files, self.geometry) = (files, geometry)
    }

    /// Whether voxels of these extents can be in a file at all.
    static func isPossible(_ shape: [Int], _ type: VoxelType) -> Bool {
        var bytes = type.byteCount
        for extent in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= Int.max / 8 else { return false }
            bytes = product
        }
        return true
    }

    /// Number of voxels.
    public var count: Int { shape.reduce(1, *) }
    /// Bytes of the voxels.
    public var byteCount: Int { count * type.byteCount }
    /// Extents in words, such as `512×512×90`.
    var extents: String { shape.map(String.init).joined(separator: "×") }
}

/// What a file may hold beside its voxels.
public struct ScanLimits: Sendable {
    /// Bytes before the voxels.
    public var headerBytes: Int
    /// Bytes behind the voxels in a compressed NIfTI; the other formats' own compression ends with the voxels.
    public var trailerBytes: Int

    /// The program's own limits, unless others are given.
    public init(headerBytes: Int = Limits.scanHeaderBytes, trailerBytes: Int = Limits.scanTrailerBytes) {
        (self.headerBytes, self.trailerBytes) = (headerBytes, trailerBytes)
    }
}
