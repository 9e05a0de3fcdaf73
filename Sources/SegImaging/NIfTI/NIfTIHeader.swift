internal import SegCore

/// The fields of a NIfTI-1 or NIfTI-2 header as they are stored; `layout` checks the fields that reading relies on.
package struct NIfTIHeader: Hashable, Sendable {
    /// The version of NIfTI, 1 or 2.
    package var version: Int
    /// The byte order of the file.
    package var endian: ByteOrder
    /// The number of dimensions, then seven sizes.
    package var dim: [Int]
    /// NIfTI's code of the stored type.
    package var datatype: Int
    /// The number of bits of one voxel.
    package var bitpix: Int
    /// The qfac, then the voxel sizes in `xyztUnits`.
    package var pixdim: [Double]
    /// The byte offset of the voxels.
    package var voxOffset: Double
    /// The slope of value = stored * sclSlope + sclInter; 0 means that the stored values are the values.
    package var sclSlope: Double
    /// The intercept; see `sclSlope`.
    package var sclInter: Double
    /// The units of space (bits 0–2) and time (bits 3–5).
    package var xyztUnits: Int
    /// The code of the qform; 0 means no qform.
    package var qformCode: Int
    /// The code of the sform; 0 means no sform.
    package var sformCode: Int
    /// The quaternion components b, c, d of the qform.
    package var quatern: [Double]
    /// The offset of the qform, in `xyztUnits`.
    package var qoffset: [Double]
    /// The three rows of the sform.
    package var srow: [[Double]]
    /// The magic: `n+1`, `ni1`, `n+2` or `ni2`.
    package var magic: String
    /// The description, a free text.
    package var descrip: String

    /// The sizes of the dimensions in use; empty if the header's number of dimensions is out of range.
    package var shape: [Int] { (1..<dim.count).contains(dim[0]) ? Array(dim[1...dim[0]]) : [] }
    /// The shape as text, such as `512×512×90`.
    var extents: String { shape.map(String.init).joined(separator: "×") }
    /// Whether header and voxels are in one file.
    package var isSingleFile: Bool { magic.hasPrefix("n+") }
    /// The number of bytes of the fixed header.
    var headerSize: Int { version == 1 ? 348 : 540 }
}

extension NIfTIHeader {
    /// Checks every field that reading relies on: the type, size and offset of the voxels, and their geometry.
    ///
    /// - Throws: `DataError` naming the field, the value expected and the value found.
    func layout(path: String, limits: ScanLimits) throws(DataError) -> ScanLayout {
        let count = try voxelCount(path: path)
        guard let type = VoxelType(niftiCode: datatype) else {
            if let name = VoxelType.unsupportedName(ofNIfTICode: datatype) {
                throw DataError(
                    .badData, path,
                    "stores \(name) (datatype \(datatype)); one real number per voxel (uint8 … float64) was expected. "
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
            throw DataError(.badData, path, "dim \(dim) is larger than any possible file; the header is damaged.")
        }
        if sclSlope.isFinite, sclSlope != 0, !sclInter.isFinite {
            throw DataError(
                .badData, path,
                "scl_slope is \(sclSlope) but scl_inter is \(sclInter); a finite number was expected. Repair the header."
            )
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
                    "dim[\(axis)] is \(dim[axis]); a positive size was expected. The header is damaged.")
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: dim[axis])
            guard !overflow else {
                throw DataError(.badData, path, "dim \(dim) is larger than any possible file; the header is damaged.")
            }
            count = product
        }
        return count
    }

    private func dataOffset(path: String, limits: ScanLimits) throws(DataError) -> Int {
        let first = isSingleFile ? headerSize + 4 : 0
        // Some writers leave 0 in single files; 0 means the first byte after the header and its extension flag.
        if isSingleFile, voxOffset == 0 { return first }
        guard voxOffset.isFinite, voxOffset >= Double(first), voxOffset <= 0x1p53,
            voxOffset == voxOffset.rounded()
        else {
            throw DataError(
                .badData, path,
                "vox_offset is \(voxOffset); an integer of at least \(first) was expected. The header is damaged.")
        }
        guard voxOffset <= Double(limits.headerBytes) else {
            throw DataError(
                .badData, path,
                "vox_offset is \(voxOffset), more than the \(limits.headerBytes >> 20) MiB allowed before "
                    + "the voxels; the header is damaged.")
        }
        return Int(voxOffset)
    }
}
