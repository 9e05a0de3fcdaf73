import CNIfTI

/// The header fields of a file to be written that give the position of its voxels in the patient.
struct NIfTIGeometry {
    var qformCode = 0
    var sformCode = 0
    var qfac = 1.0
    var spacing: [Double]
    var quatern: [Double] = [0, 0, 0]
    var qoffset: [Double] = [0, 0, 0]
    var srow: [[Double]] = [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    /// Millimetres, unless another unit is known.
    var xyztUnits = 2

    /// NIfTI's code for coordinates aligned to another scan.
    private static let alignedCode = 2

    /// Creates an sform from an affine alone, and a qform with the same matrix unless the axes are sheared.
    init(affine: Affine) {
        spacing = affine.spacing
        setSform(affine, code: Self.alignedCode)
        if !affine.isSheared { setQform(affine, code: Self.alignedCode) }
    }

    /// Creates the fields from a scan's header and its affine in the header's own unit. The header's own forms are kept
    /// to the bit; a missing or broken form is filled from the other form.
    ///
    /// A qform cannot express shear; therefore the qform's code becomes 0 if the sform is sheared. If neither form has
    /// a code, neither is written, and readers use the voxel sizes, as they do for the scan itself.
    init(header: NIfTIHeader, affine: Affine) {
        spacing = Array(header.pixdim[1...3])
        xyztUnits = header.xyztUnits & 7
        (qfac, quatern, qoffset) = (header.pixdim[0], header.quatern, header.qoffset)
        (qformCode, sformCode, srow) = (header.qformCode, header.sformCode, header.srow)
        if header.hasBrokenSform { sformCode = 0 }
        if header.completedSform != nil { setSform(affine, code: sformCode) }
        if header.hasBrokenQform { (qformCode, quatern, qoffset) = (0, [0, 0, 0], [0, 0, 0]) }
        if sformCode > 0, affine.isSheared {
            qformCode = 0
        } else if sformCode > 0, qformCode <= 0 {
            setQform(affine, code: sformCode)
        } else if qformCode > 0, sformCode <= 0 {
            setSform(affine, code: qformCode)
        }
    }

    private mutating func setSform(_ affine: Affine, code: Int) {
        sformCode = code
        srow = (0..<3).map { row in (0..<4).map { affine[row, $0] } }
    }

    private mutating func setQform(_ affine: Affine, code: Int) {
        qformCode = code
        var matrix = nifti_dmat44()
        withUnsafeMutableBytes(of: &matrix) { $0.copyBytes(from: affine.elements.withUnsafeBytes(Array.init)) }
        var (b, c, d, x, y, z) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        var (dx, dy, dz) = (0.0, 0.0, 0.0)
        nifti_dmat44_to_quatern(matrix, &b, &c, &d, &x, &y, &z, &dx, &dy, &dz, &qfac)
        (quatern, qoffset, spacing) = ([b, c, d], [x, y, z], [dx, dy, dz])
    }
}
