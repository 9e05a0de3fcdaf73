package import SegCore

extension NIfTIHeader {
    /// The unit of the header's lengths.
    package var spaceUnit: LengthUnit {
        switch xyztUnits & 7 {
        case 1: .metre
        case 2: .millimetre
        case 3: .micrometre
        default: .unknown
        }
    }

    /// The affine from voxel index to RAS+ mm: the sform if its code is above 0, else the qform, else from `pixdim`, as
    /// in NiBabel. Lengths in other units are converted, as in ITK.
    ///
    /// If the sform is broken and the qform is sound, the qform is used and `remarks` reports it.
    ///
    /// - Throws: `DataError` if the header has forms with a code and none of them is sound.
    package func affine(path: String) throws(DataError) -> Affine {
        try storedAffine(path: path).scaled(by: spaceUnit.millimetres)
    }

    /// The geometry of the voxels in the form that all formats share.
    /// - Throws: `DataError` as `affine`.
    func geometry(path: String) throws(DataError) -> ScanGeometry {
        let affine = try affine(path: path)
        let spacing = (0..<min(3, shape.count)).map { axis in
            // The voxel size from `pixdim` if the affine agrees with it, else from the affine.
            let (stored, used) = (abs(pixdim[axis + 1]) * spaceUnit.millimetres, affine.spacing[axis])
            return abs(stored - used) <= 1e-4 * used ? stored : used
        }
        return ScanGeometry(
            affine: affine, shape: shape, spacing: spacing, unit: spaceUnit, isPlaced: sformCode > 0 || qformCode > 0,
            remarks: remarks, header: self)
    }

    /// The scaling value = stored * slope + inter, nil if the stored values are the values.
    var scaling: (slope: Double, inter: Double)? {
        guard sclSlope.isFinite, sclSlope != 0 else { return nil }
        return sclSlope == 1 && sclInter == 0 ? nil : (sclSlope, sclInter)
    }

    /// The affine from voxel index to RAS+ in the header's own unit.
    func storedAffine(path: String) throws(DataError) -> Affine {
        let forms = codedForms
        if let sound = forms.first(where: { $0.fault == nil }) { return sound.affine }
        let faults = forms.compactMap { form in form.fault.map { "the \(form.name) \($0)" } }
        throw DataError(.badData, path, faults.joined(separator: ", and ") + "; repair the header.")
    }

    /// Sentences about what was repaired or converted in the header, such as a broken sform replaced by the qform.
    package var remarks: [String] {
        let forms = codedForms
        var remarks: [String] = []
        if let used = forms.first(where: { $0.fault == nil }) {
            remarks += forms.compactMap { form in
                form.fault.map { "The \(form.name) of the header \($0); the \(used.name) is used instead." }
            }
        }
        if completedSform != nil {
            remarks.append("The sform of the header gives its single slice no thickness; the slice's normal is used.")
        }
        return remarks + (spaceUnit.remark.map { [$0] } ?? [])
    }

    /// A form of the header (sform, qform or `pixdim`) and the reason why the form is not usable; nil if it is usable.
    private struct Form {
        var name: String
        var affine: Affine
        var fault: String?

        /// - Parameter unit: The unit of the affine. The affine must be sound in this unit and in millimetres.
        init(_ name: String, _ affine: Affine, in unit: LengthUnit, fault: String? = nil) {
            (self.name, self.affine) = (name, affine)
            self.fault = fault ?? affine.fault ?? affine.scaled(by: unit.millimetres).fault
        }
    }

    /// The forms that have a code, in order of precedence; if none has, the form from the voxel sizes.
    private var codedForms: [Form] {
        var forms: [Form] = []
        if sformCode > 0 { forms.append(sform) }
        if qformCode > 0 { forms.append(qform) }
        return forms.isEmpty ? [Form("pixdim", pixdimAffine, in: spaceUnit)] : forms
    }

    private var storedSform: Affine { Affine(elements: srow.flatMap { $0 } + [0, 0, 0, 1]) }

    /// The sform of a single slice whose column across the slice is zero, with this column set to the slice's normal.
    /// The length of the normal is the voxel size, or 1 if the voxel size is 0. Nil if the sform is complete or cannot
    /// be completed.
    var completedSform: Affine? {
        var sform = storedSform
        let isZero = (0..<3).map { column in (0..<3).allSatisfy { sform[$0, column] == 0 } }
        guard sformCode > 0, isZero.count(where: { $0 }) == 1, let axis = isZero.firstIndex(of: true),
            axis >= dim[0] || dim[axis + 1] == 1
        else { return nil }
        let (u, v) = ((axis + 1) % 3, (axis + 2) % 3)
        let normal = (0..<3).map { row in
            let (r, q) = ((row + 1) % 3, (row + 2) % 3)
            return sform[r, u] * sform[q, v] - sform[q, u] * sform[r, v]
        }
        let length = normal.map { $0 * $0 }.reduce(0, +).squareRoot()
        guard length.isFinite, length > 0 else { return nil }
        for row in 0..<3 { sform[row, axis] = normal[row] / length * voxelSizes[axis] }
        return sform.fault == nil ? sform : nil
    }

    /// Whether the qform has a code but is not usable.
    var hasBrokenQform: Bool { qformCode > 0 && qform.fault != nil }

    /// Whether the sform has a code but is not usable.
    var hasBrokenSform: Bool { sformCode > 0 && sform.fault != nil }

    private var sform: Form { Form("sform", completedSform ?? storedSform, in: spaceUnit) }

    /// The largest excess of b² + c² + d² over 1 that rounding of stored quaternions may cause.
    private static let quaternionTolerance = 1e-6

    /// The voxel sizes with the repairs that NiBabel makes on loading: the sign is dropped and 0 becomes 1.
    private var voxelSizes: [Double] { pixdim[1...3].map { $0 == 0 ? 1 : abs($0) } }

    /// The rotation by the unit quaternion (a, b, c, d), with columns scaled by the voxel sizes and the third column
    /// also multiplied by qfac.
    private var qform: Form {
        let (b, c, d) = (quatern[0], quatern[1], quatern[2])
        let a2 = 1 - (b * b + c * c + d * d)
        guard a2 >= -Self.quaternionTolerance else {
            let fault = "has a quaternion (\(b), \(c), \(d)) that is not a rotation"
            return Form("qform", .identity, in: spaceUnit, fault: fault)
        }
        // NiBabel's threshold: three times the machine epsilon of the stored type counts as zero.
        let zero = 3 * (version == 1 ? Double(Float.ulpOfOne) : Double.ulpOfOne)
        let a = a2 < zero ? 0 : a2.squareRoot()
        let s = 2 / (a * a + b * b + c * c + d * d)
        let rotation = [
            1 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c),
            s * (b * c + a * d), 1 - s * (b * b + d * d), s * (c * d - a * b),
            s * (b * d - a * c), s * (c * d + a * b), 1 - s * (b * b + c * c),
        ]
        let qfac: Double = pixdim[0] == -1 ? -1 : 1
        let sizes = voxelSizes
        var affine = Affine.identity
        for row in 0..<3 {
            for column in 0..<3 {
                affine[row, column] = rotation[row * 3 + column] * sizes[column] * (column == 2 ? qfac : 1)
            }
            affine[row, 3] = qoffset[row]
        }
        return Form("qform", affine, in: spaceUnit)
    }

    /// The affine if neither form has a code: axis 0 points to the left and the origin is the volume's centre.
    private var pixdimAffine: Affine {
        var affine = Affine.identity
        for axis in 0..<3 {
            let used = axis < dim[0]
            let size = (used ? voxelSizes[axis] : 1) * (axis == 0 ? -1 : 1)
            affine[axis, axis] = size
            affine[axis, 3] = -Double((used ? dim[axis + 1] : 1) - 1) / 2 * size
        }
        return affine
    }
}
