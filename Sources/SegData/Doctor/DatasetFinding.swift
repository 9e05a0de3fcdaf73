/// One thing that is wrong with a dataset.
public struct DatasetFinding: Hashable, Sendable, Encodable {
    /// What is wrong.
    public enum Defect: String, Hashable, Sendable, Encodable, CaseIterable {
        /// A file that the index names is not there.
        case missingFile = "missing_file"
        /// A file that cannot be read: cut short, damaged, not NIfTI, not 3-D.
        case unreadable
        /// Image and label do not share a grid.
        case geometry
        /// Channels of a case that are more or fewer than the index names, or named in another order.
        case channels
        /// Channels of a case that do not lie on one grid.
        case channelGeometry = "channel_geometry"
        /// Label values that are no classes, or none of the dataset's.
        case labelValues = "label_values"
        /// A label map of background alone.
        case emptyMask = "empty_mask"
        /// Voxels that are NaN or infinite.
        case notFinite = "not_finite"
        /// Voxel axes that are not perpendicular.
        case sheared
        /// sform and qform put the scan in different places.
        case formConflict = "form_conflict"
        /// Voxels of a size far from the other cases'.
        case spacingOutlier = "spacing_outlier"
        /// Intensities that are not a CT's.
        case intensityRange = "intensity_range"
        /// An affine that a conversion made up: left and right may be exchanged.
        case suspiciousOrientation = "suspicious_orientation"
        /// The window is larger than the scan on the network's grid.
        case windowTooLarge = "window_too_large"
        /// The same image under two names.
        case duplicate
        /// Lengths that the header gives in metres or micrometres.
        case otherUnit = "other_unit"
        /// `x.nii` beside `x.nii.gz`.
        case twin
        /// Classes that no voxel has any more on the network's grid.
        case vanishedClass = "vanished_class"
        /// A count or a key of the index that is not as it says.
        case index
        /// A class that the index names and no label map holds.
        case unusedClass = "unused_class"
    }

    /// How bad it is.
    public enum Severity: String, Hashable, Sendable, Encodable {
        /// Would end a training or an evaluation.
        case error
        /// Would not, but results may be wrong.
        case warning
    }

    /// The case's name; the dataset's where it concerns no single case.
    public var name: String
    /// The file.
    public var file: String
    /// What is wrong.
    public var defect: Defect
    /// How bad it is.
    public var severity: Severity
    /// What was found, in a sentence.
    public var finding: String
    /// What to do about it.
    public var mend: String

    private enum CodingKeys: String, CodingKey {
        case name = "case"
        case file, defect, severity, finding, mend
    }
}
