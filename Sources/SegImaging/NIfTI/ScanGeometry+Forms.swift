public import SegCore

extension ScanGeometry {
    /// The NIfTI header; nil for other formats.
    package var niftiHeader: NIfTIHeader? { header as? NIfTIHeader }

    /// The largest distance in mm, along one world axis, between a corner's position by a NIfTI's sform and its
    /// position by the qform, over the eight corners of the grid. Nil if a form is missing or broken, and for other
    /// formats.
    public func distanceBetweenForms(size: Triple) -> Double? {
        guard let header = niftiHeader, header.sformCode > 0, header.qformCode > 0 else { return nil }
        var qformOnly = header
        qformOnly.sformCode = 0
        guard let sform = try? header.affine(path: ""), let qform = try? qformOnly.affine(path: "") else { return nil }
        let corners = (0..<8).map { corner in
            (0..<3).map { corner & (4 >> $0) == 0 ? 0 : Double(size[$0] - 1) }
        }
        return corners.map { at in
            let (a, b) = (sform(at[0], at[1], at[2]), qform(at[0], at[1], at[2]))
            return max(abs(a.x - b.x), abs(a.y - b.y), abs(a.z - b.z))
        }.max()
    }
}
