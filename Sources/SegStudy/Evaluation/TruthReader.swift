import SegData
import SegImaging
import SegInference

/// Reads the label maps of a dataset as the classes of a model.
struct TruthReader {
    /// The mapping from numbers to classes: the model's scheme, with the dataset's ignored number if the model has
    /// none.
    let scheme: LabelScheme
    /// The dataset's own names for the numbers of its label maps.
    let names: [Int: String]

    /// Creates a reader for a model.
    init(_ model: ModelDescription, of dataset: Dataset) {
        var scheme = model.labelScheme
        if scheme.ignored == nil { scheme.ignored = dataset.ignoredLabel }
        // A number that this dataset names is one of its classes.
        if let ignored = scheme.ignored, dataset.labels[ignored] != nil { scheme.ignored = nil }
        self.scheme = scheme
        names = dataset.labels
    }

    /// The classes of a label map, and whether each voxel is ignored; nil if none is.
    /// - Throws: `DataError` naming the file if it contains values that are not class numbers.
    func classes(of label: Volume, file: String) throws -> (truth: [UInt8], ignored: [Bool]?) {
        guard !scheme.isPlain else { return (try LabelMap.classes(of: label, file: file), nil) }
        let whole = try LabelMap.whole(label, file: file)
        let classes = try scheme.classes(of: whole, count: Int(LabelScheme.ignoredClass), file: file).voxels
        guard scheme.ignored != nil else { return (classes.map { UInt8($0) }, nil) }
        let ignored = classes.map { $0 == Float(LabelScheme.ignoredClass) }
        return (Self.background(classes.map { UInt8($0) }, where: ignored), ignored)
    }

    /// A mask with background at the ignored voxels.
    static func background(_ mask: [UInt8], where ignored: [Bool]?) -> [UInt8] {
        guard let ignored else { return mask }
        return zip(mask, ignored).map { $1 ? 0 : $0 }
    }
}

extension ModelDescription {
    /// The names of the model's classes: the dataset's if the numbers of its label maps are the classes, otherwise the
    /// model's.
    func classNames(of dataset: Dataset) -> [Int: String] {
        // If the model groups numbers, its classes are not the dataset's numbers.
        labelScheme.groups == nil && labelScheme.regions == nil ? dataset.labels : labels
    }
}
