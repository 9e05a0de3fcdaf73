internal import SegImaging

extension Volume {
    /// Whether the affine is what a conversion writes that has lost the scanner's: all axes positive, the origin
    /// exactly so that the scan ends at 0 along right and anterior, and begins at 0 along superior.
    ///
    /// Seen in files of the Medical Segmentation Decathlon, some of which are mirrored against scanners' exports.
    var hasConvertedAffine: Bool {
        let spacing = spacing
        for row in 0..<3 {
            for column in 0..<3 where row != column && affine[row, column] != 0 { return false }
            guard affine[row, row] > 0 else { return false }
        }
        func isNear(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-3 * max(1, abs(b)) }
        return isNear(affine[0, 3], -Double(size.i - 1) * spacing[0])
            && isNear(affine[1, 3], -Double(size.j - 1) * spacing[1]) && affine[2, 3] == 0
    }
}

extension NIfTIHeader {
    /// The largest distance in mm between where sform and qform put a corner; nil where one of them is missing or broken.
    func distanceBetweenForms(size: Size3) -> Double? {
        guard sformCode > 0, qformCode > 0 else { return nil }
        var qformOnly = self
        qformOnly.sformCode = 0
        guard let sform = try? affine(path: ""), let qform = try? qformOnly.affine(path: "") else { return nil }
        let corners = (0..<8).map { corner in
            (0..<3).map { corner & (4 >> $0) == 0 ? 0 : Double(size[$0] - 1) }
        }
        return corners.map { at in
            let (a, b) = (sform(at[0], at[1], at[2]), qform(at[0], at[1], at[2]))
            return max(abs(a.x - b.x), abs(a.y - b.y), abs(a.z - b.z))
        }.max()
    }
}
