/// A fault of a dataset.
public struct DatasetFinding: Hashable, Sendable, Encodable {
    /// The kind of fault.
    public enum Defect: String, Hashable, Sendable, Encodable, CaseIterable {
        /// A file of the index does not exist.
        case missingFile = "missing_file"
        /// A file that cannot be read: cut short, damaged, of an unknown format, not 3-D.
        case unreadable
        /// Image and label do not share a grid.
        case geometry
        /// The number of a case's channels differs from the index, or the names of the files contradict the index's
        /// order.
        case channels
        /// Channels of a case that do not share a grid.
        case channelGeometry = "channel_geometry"
        /// Label values that are not class numbers, or that the index does not name.
        case labelValues = "label_values"
        /// A label map with background only.
        case emptyMask = "empty_mask"
        /// Voxels that are NaN or infinite.
        case notFinite = "not_finite"
        /// Voxel axes that are not perpendicular.
        case sheared
        /// sform and qform place the scan differently.
        case formConflict = "form_conflict"
        /// Voxels whose size differs far from the median of all cases.
        case spacingOutlier = "spacing_outlier"
        /// Intensities that are unlike CT, or that the preprocessing refuses.
        case intensityRange = "intensity_range"
        /// A rule of intensities that does not suit the modality of its channel.
        case intensityRule = "intensity_rule"
        /// An affine that a conversion wrote: left and right may be exchanged.
        case suspiciousOrientation = "suspicious_orientation"
        /// The window is larger than the scan on the network's grid.
        case windowTooLarge = "window_too_large"
        /// The same image under two names.
        case duplicate
        /// Lengths that the header does not give in millimetres.
        case otherUnit = "other_unit"
        /// `x.nii` beside `x.nii.gz`.
        case twin
        /// Classes that have no voxel left on the network's grid.
        case vanishedClass = "vanished_class"
        /// A count or a key of the index that is wrong.
        case index
        /// A configuration that does not fit the dataset's index.
        case configuration
        /// A class of the index that no label map contains.
        case unusedClass = "unused_class"
    }

    /// The severity of the fault.
    public enum Severity: String, Hashable, Sendable, Encodable {
        /// Would stop a training run or an evaluation.
        case error
        /// Would not stop a training run or an evaluation, but results may be wrong.
        case warning
    }

    /// The case's name; the dataset's name if the fault concerns no single case.
    public var name: String
    /// The file.
    public var file: String
    /// The kind of fault.
    public var defect: Defect
    /// The severity of the fault.
    public var severity: Severity
    /// The finding, in a sentence.
    public var finding: String
    /// The remedy, in a sentence.
    public var mend: String

    private enum CodingKeys: String, CodingKey {
        case name = "case"
        case file, defect, severity, finding, mend
    }
}
