import CNIfTI
import SegCore

extension NIfTI {
    /// The bytes before the voxels in a single file of a 3-D volume, or of several volumes along axis 3.
    static func encodeHeader(
        version: Int, size: Triple, maps: Int, type: VoxelType, geometry: NIfTIGeometry, labels: [Int: String] = [:]
    ) -> [UInt8] {
        let names = labels.isEmpty ? [] : NIfTILabels.extensionBytes(labels)
        let header =
            version == 2
            ? header2(size, maps, type, geometry, after: names.count)
            : header1(size, maps, type, geometry, after: names.count)
        return header + [names.isEmpty ? 0 : 1, 0, 0, 0] + names
    }

    /// The field `descrip` of files that MedSeg writes.
    static let program = "MedSeg"

    /// The number of axes and the size along each.
    private static func dimensions(_ size: Triple, _ maps: Int) -> [Int] {
        [maps > 1 ? 4 : 3, size.d, size.h, size.w, maps, 1, 1, 1]
    }

    private static func header1(
        _ size: Triple, _ maps: Int, _ type: VoxelType, _ geometry: NIfTIGeometry, after extensions: Int
    ) -> [UInt8] {
        var raw = nifti_1_header()
        raw.sizeof_hdr = 348
        raw.regular = CChar(bitPattern: UInt8(ascii: "r"))
        fill(&raw.dim, with: dimensions(size, maps).map { Int16($0) })
        raw.datatype = Int16(type.niftiCode)
        raw.bitpix = Int16(type.byteCount * 8)
        fill(&raw.pixdim, with: ([geometry.qfac] + geometry.spacing + [1, 1, 1, 1]).map { Float($0) })
        raw.vox_offset = Float(352 + extensions)
        raw.scl_slope = 1
        raw.xyzt_units = CChar(truncatingIfNeeded: geometry.xyztUnits)
        raw.qform_code = Int16(truncatingIfNeeded: geometry.qformCode)
        raw.sform_code = Int16(truncatingIfNeeded: geometry.sformCode)
        let quatern = geometry.quatern.map { Float($0) }
        (raw.quatern_b, raw.quatern_c, raw.quatern_d) = (quatern[0], quatern[1], quatern[2])
        let offset = geometry.qoffset.map { Float($0) }
        (raw.qoffset_x, raw.qoffset_y, raw.qoffset_z) = (offset[0], offset[1], offset[2])
        fill(&raw.srow_x, with: geometry.srow[0].map { Float($0) })
        fill(&raw.srow_y, with: geometry.srow[1].map { Float($0) })
        fill(&raw.srow_z, with: geometry.srow[2].map { Float($0) })
        fill(&raw.descrip, with: Array(program.utf8))
        fill(&raw.magic, with: Array("n+1".utf8))
        return withUnsafeBytes(of: raw) { Array($0) }
    }

    private static func header2(
        _ size: Triple, _ maps: Int, _ type: VoxelType, _ geometry: NIfTIGeometry, after extensions: Int
    ) -> [UInt8] {
        var raw = nifti_2_header()
        raw.sizeof_hdr = 540
        fill(&raw.magic, with: Array("n+2".utf8) + [0, 13, 10, 26, 10])
        raw.datatype = Int16(type.niftiCode)
        raw.bitpix = Int16(type.byteCount * 8)
        fill(&raw.dim, with: dimensions(size, maps).map { Int64($0) })
        fill(&raw.pixdim, with: [geometry.qfac] + geometry.spacing + [1, 1, 1, 1])
        raw.vox_offset = Int64(544 + extensions)
        raw.scl_slope = 1
        raw.xyzt_units = Int32(truncatingIfNeeded: geometry.xyztUnits)
        raw.qform_code = Int32(truncatingIfNeeded: geometry.qformCode)
        raw.sform_code = Int32(truncatingIfNeeded: geometry.sformCode)
        (raw.quatern_b, raw.quatern_c, raw.quatern_d) = (geometry.quatern[0], geometry.quatern[1], geometry.quatern[2])
        (raw.qoffset_x, raw.qoffset_y, raw.qoffset_z) = (geometry.qoffset[0], geometry.qoffset[1], geometry.qoffset[2])
        fill(&raw.srow_x, with: geometry.srow[0])
        fill(&raw.srow_y, with: geometry.srow[1])
        fill(&raw.srow_z, with: geometry.srow[2])
        fill(&raw.descrip, with: Array(program.utf8))
        return withUnsafeBytes(of: raw) { Array($0) }
    }

    /// Copies values into a C array, which Swift imports as a tuple.
    private static func fill<Tuple, Element>(_ tuple: inout Tuple, with values: [Element]) {
        withUnsafeMutableBytes(of: &tuple) { $0.copyBytes(from: values.withUnsafeBytes(Array.init)) }
    }
}
