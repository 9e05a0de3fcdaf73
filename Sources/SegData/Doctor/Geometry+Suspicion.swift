internal import SegCore
internal import SegImaging

extension Volume {
    /// Whether the affine looks as if a conversion that lost the scanner's affine had written it: all axes are
    /// positive, and the scan ends exactly at 0 along right and anterior and begins at 0 along superior.
    ///
    /// Seen in files of the Medical Segmentation Decathlon, some of which are mirrored compared with the scanner's
    /// export.
    var hasConvertedAffine: Bool {
        let spacing = spacing
        for row in 0..<3 {
            for column in 0..<3 where row != column && affine[row, column] != 0 { return false }
            guard affine[row, row] > 0 else { return false }
        }
        func isNear(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-3 * max(1, abs(b)) }
        return isNear(affine[0, 3], -Double(size.d - 1) * spacing[0])
            && isNear(affine[1, 3], -Double(size.h - 1) * spacing[1]) && affine[2, 3] == 0
    }
}
