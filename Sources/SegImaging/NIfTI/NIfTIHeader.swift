internal import SegCore

/// The fields of a NIfTI-1 or NIfTI-2 header as they are stored, checked for what reading relies on.
package struct NIfTIHeader: Hashable, Sendable {
    /// 1 or 2.
    package var version: Int
    /// Byte order of the file.
    package var endian: ByteOrder
    /// Number of dimensions, then seven extents.
    package var dim: [Int]
    /// Stored type, as NIfTI's code.
    package var datatype: Int
    /// Bits of one voxel.
    package var bitpix: Int
    /// qfac, then voxel sizes in `xyztUnits`.
    package var pixdim: [Double]
    /// Byte at which voxels start.
    package var voxOffset: Double
    /// value = stored * sclSlope + sclInter; 0 means stored values are the values.
    package var sclSlope: Double
    /// See `sclSlope`.
    package var sclInter: Double
    /// Units of space (bits 0–2) and time (bits 3–5).
    package var xyztUnits: Int
    /// 0: no qform.
    package var qformCode: Int
    /// 0: no sform.
    package var sformCode: Int
    /// Quaternion b, c, d of the qform.
    package var quatern: [Double]
    /// Offset of the qform in mm.
    package var qoffset: [Double]
    /// The three rows of the sform.
    package var srow: [[Double]]
    /// `n+1`, `ni1`, `n+2` or `ni2`.
    package var magic: String
    /// Free text.
    package var descrip: String

    /// Extents of the dimensions in use; empty where the header's own count of them makes no sense.
    package var shape: [Int] { (1..<dim.count).contains(dim[0]) ? Array(dim[1...dim[0]]) : [] }
    /// Extents in words, such as `512×512×90`.
    var extents: String { shape.map(String.init).joined(separator: "×") }
    /// Whether header and voxels are one file.
    package var isSingleFile: Bool { magic.hasPrefix("n+") }
    /// Bytes of the fixed header.
    var headerSize: Int { version == 1 ? 348 : 540 }
}

extension NIfTIHeader {
    /// Checks every field that reading relies on: type and extents of the voxels, where they start and where they lie.
    ///
    /// - Throws: `DataError` naming the field, what was expected and what came.
    func layout(path: String, limits: ScanLimits) throws(DataError) -> ScanLayout {
        let count = try voxelCount(path: path)
        guard let type = VoxelType(niftiCode: datatype) else {
            if let name = VoxelType.unsupportedName(ofNIfTICode: datatype) {
                throw DataError(
                    .badData, path,
                    "stores \(name) (datatype \(datatype)); one real number a voxel (uint8 … float64) was expected. "
                        + "Convert it to a scalar image first.")
            }
            throw DataError(
                .badData, path, "datatype is \(datatype), which NIfTI does not define; the header is damaged.")
        }
        guard bitpix == type.byteCount * 8 else {
            throw DataError(
                .badData, path,
                "bitpix is \(bitpix), but \(type.name) (datatype \(datatype)) has \(type.byteCount * 8); "
                    + "the header is damaged."
            )
        }
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: type.byteCount)
        guard !overflow, byteCount <= Int.max / 8 else {
            throw DataError(.badData, path, "dim \(dim) is beyond any file; the header is damaged.")
        }
        if sclSlope.isFinite, sclSlope != 0, !sclInter.isFinite {
            throw DataError(
                .badData, path, "scl_slope is \(sclSlope) but scl_inter is \(sclInter); repair the header.")
        }
        let (offset, geometry) = (try dataOffset(path: path, limits: limits), try geometry(path: path))
        let files = isSingleFile ? [path] : [path, try NIfTI.dataPath(besideHeader: path)]
        return ScanLayout(shape: shape, type: type, offset: offset, files: files, geometry: geometry)
    }

    private func voxelCount(path: String) throws(DataError) -> Int {
        guard (1...7).contains(dim[0]) else {
            throw DataError(
                .badData, path, "dim[0] is \(dim[0]); 1 to 7 dimensions were expected. The header is damaged.")
        }
        var count = 1
        for axis in 1...dim[0] {
            guard dim[axis] > 0 else {
                throw DataError(
                    .badData, path,
                    "dim[\(axis)] is \(dim[axis]); a positive extent was expected. The header is damaged.")
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: dim[axis])
            guard !overflow else {
                throw DataError(.badData, path, "dim \(dim) is beyond any file; the header is damaged.")
            }
            count = product
        }
        return count
    }

    private func dataOffset(path: String, limits: ScanLimits) throws(DataError) -> Int {
        let first = isSingleFile ? headerSize + 4 : 0
        // Some writers leave 0 in single files and mean the first byte after the header and its extension flag.
        if isSingleFile, voxOffset == 0 { return first }
        guard voxOffset.isFinite, voxOffset >= Double(first), voxOffset <= 0x1p53,
            voxOffset == voxOffset.rounded()
        else {
            throw DataError(
                .badData, path,
                "vox_offset is \(voxOffset); a whole number of at least \(first) was expected. The header is damaged.")
        }
        guard voxOffset <= Double(limits.headerBytes) else {
            throw DataError(
                .badData, path,
                "vox_offset is \(voxOffset), more than the \(limits.headerBytes >> 20) MiB that may stand before "
                    + "the voxels; the header is damaged.")
        }
        return Int(voxOffset)
    }
}
