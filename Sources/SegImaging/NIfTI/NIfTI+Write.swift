internal import SegCore

extension NIfTI {
    static let holdsSeveralMaps = true

    /// Writes voxels on a scan's grid, several maps along axis 3, with gzip if the name ends in `.gz`.
    ///
    /// For a scan read from NIfTI, the forms, codes, voxel sizes and spatial unit are kept. For any other scan, the
    /// affine is written as sform, and also as qform unless its axes are sheared. Type and scaling describe the written
    /// voxels. Header extensions are dropped; names of labels are written as an extension.
    static func write<Value: WritableVoxel>(
        _ maps: [[Value]], size: Triple, geometry: ScanGeometry, to path: String
    ) throws(DataError) {
        let own = geometry.niftiHeader
        // NIfTI-1 stores sizes as 16-bit integers and lengths as 32-bit floats.
        let isShort = [size.d, size.h, size.w].allSatisfy { $0 <= Int(Int16.max) }
        let rounded = Affine(elements: geometry.affine.elements.map { Double(Float($0)) })
        let fitting = isShort && rounded.fault == nil ? 1 : 2
        let fields =
            try own.map { header throws(DataError) in
                NIfTIGeometry(header: header, affine: try header.storedAffine(path: path))
            } ?? NIfTIGeometry(affine: geometry.affine)
        let header = encodeHeader(
            version: own?.version ?? fitting, size: size, maps: maps.count, type: Value.voxelType, geometry: fields,
            labels: geometry.labels)
        let bytes = StageClock.time("transpose") {
            maps.dropFirst().reduce(into: FileOrder.bytes(maps[0], size: size, after: header)) { bytes, map in
                bytes += FileOrder.bytes(map, size: size)
            }
        }
        try StageClock.time("compress") { () throws(DataError) in
            try DurableFile.write(
                path.hasSuffix(".gz") ? Deflate.compressed(bytes, as: .gzip, path: path) : bytes, to: path)
        }
    }
}
