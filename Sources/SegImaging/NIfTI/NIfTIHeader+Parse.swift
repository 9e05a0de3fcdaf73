import CNIfTI
internal import SegCore

extension NIfTIHeader {
    /// The number of bytes that identify a file and contain the header of either version.
    static let probeSize = MemoryLayout<nifti_2_header>.size

    /// Reads the header at the start of a file.
    ///
    /// The struct layouts and the byte swapping are those of libnifti. Its `nifti_read_header` is not used because it
    /// searches for other files when a name does not match and accepts headers without checking them.
    init(bytes: [UInt8], path: String) throws(DataError) {
        guard bytes.count >= 348 else {
            throw DataError(
                .badData, path,
                "has \(bytes.count) bytes; a NIfTI header needs at least 348. It is not NIfTI or is cut short.")
        }
        let size = bytes.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
        switch (Int(size), Int(size.byteSwapped)) {
        case (348, _), (_, 348):
            try self.init(version1: bytes, swapped: size != 348, path: path)
        case (540, _), (_, 540):
            guard bytes.count >= 540 else {
                throw DataError(
                    .badData, path, "has \(bytes.count) bytes; a NIfTI-2 header needs 540. The file is cut short.")
            }
            try self.init(version2: bytes, swapped: size != 540, path: path)
        default:
            throw DataError(
                .badData, path,
                "is not NIfTI: its first field (sizeof_hdr) is \(size), but 348 or 540 was expected. "
                    + "Give a .nii, .nii.gz or .hdr/.img file.")
        }
    }

    private init(version1 bytes: [UInt8], swapped: Bool, path: String) throws(DataError) {
        var raw = bytes.withUnsafeBytes { $0.loadUnaligned(as: nifti_1_header.self) }
        let magic = Self.text(raw.magic)
        guard magic == "n+1" || magic == "ni1" else {
            throw DataError(
                .badData, path,
                magic.isEmpty
                    ? "is ANALYZE 7.5 or not NIfTI (no magic); convert it to NIfTI, which stores the orientation."
                    : "is not NIfTI: its magic is \"\(magic)\", but \"n+1\" or \"ni1\" was expected.")
        }
        if swapped { nifti_swap_as_nifti1(&raw) }
        self.init(
            version: 1, endian: Self.endian(swapped: swapped),
            dim: Self.array(raw.dim, of: Int16.self).map { Int($0) },
            datatype: Int(raw.datatype), bitpix: Int(raw.bitpix),
            pixdim: Self.array(raw.pixdim, of: Float.self).map { Double($0) },
            voxOffset: Double(raw.vox_offset), sclSlope: Double(raw.scl_slope), sclInter: Double(raw.scl_inter),
            xyztUnits: Int(UInt8(bitPattern: raw.xyzt_units)),
            qformCode: Int(raw.qform_code), sformCode: Int(raw.sform_code),
            quatern: [raw.quatern_b, raw.quatern_c, raw.quatern_d].map { Double($0) },
            qoffset: [raw.qoffset_x, raw.qoffset_y, raw.qoffset_z].map { Double($0) },
            srow: [raw.srow_x, raw.srow_y, raw.srow_z].map { Self.array($0, of: Float.self).map { Double($0) } },
            magic: magic, descrip: Self.text(raw.descrip))
    }

    private init(version2 bytes: [UInt8], swapped: Bool, path: String) throws(DataError) {
        var raw = bytes.withUnsafeBytes { $0.loadUnaligned(as: nifti_2_header.self) }
        let signature = Self.array(raw.magic, of: UInt8.self)
        let magic = Self.text(raw.magic)
        guard magic == "n+2" || magic == "ni2" else {
            throw DataError(
                .badData, path, "is not NIfTI: its magic is \"\(magic)\", but \"n+2\" or \"ni2\" was expected.")
        }
        guard signature[4...].elementsEqual([0x0d, 0x0a, 0x1a, 0x0a]) else {
            throw DataError(
                .badData, path, "the NIfTI-2 magic was altered, e.g. by a transfer in text mode; copy the file again.")
        }
        if swapped { nifti_swap_as_nifti2(&raw) }
        self.init(
            version: 2, endian: Self.endian(swapped: swapped),
            dim: Self.array(raw.dim, of: Int64.self).map { Int($0) },
            datatype: Int(raw.datatype), bitpix: Int(raw.bitpix),
            pixdim: Self.array(raw.pixdim, of: Double.self),
            voxOffset: Double(raw.vox_offset), sclSlope: raw.scl_slope, sclInter: raw.scl_inter,
            xyztUnits: Int(raw.xyzt_units), qformCode: Int(raw.qform_code), sformCode: Int(raw.sform_code),
            quatern: [raw.quatern_b, raw.quatern_c, raw.quatern_d],
            qoffset: [raw.qoffset_x, raw.qoffset_y, raw.qoffset_z],
            srow: [raw.srow_x, raw.srow_y, raw.srow_z].map { Self.array($0, of: Double.self) },
            magic: magic, descrip: Self.text(raw.descrip))
    }

    private static func endian(swapped: Bool) -> ByteOrder {
        (1 == Int32(1).littleEndian) != swapped ? .little : .big
    }

    /// Reads a C array, which Swift imports as a tuple.
    private static func array<Tuple, Element>(_ tuple: Tuple, of: Element.Type) -> [Element] {
        withUnsafeBytes(of: tuple) { Array($0.bindMemory(to: Element.self)) }
    }

    /// Reads a C string that may fill its field without a terminator.
    private static func text<Tuple>(_ tuple: Tuple) -> String {
        let bytes: [UInt8] = array(tuple, of: UInt8.self)
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
