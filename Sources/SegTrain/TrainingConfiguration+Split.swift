public import SegData

extension TrainingConfiguration {
    /// Divides a dataset into training and validation cases, as a run of this configuration does.
    /// - Parameter note: Called with a sentence if the dataset's own split or a labelled case replaces a choice by share.
    /// - Throws: `DataError` if a case does not exist, or none is left for training.
    public func split(_ dataset: Dataset, note: (String) -> Void) throws -> Dataset.Split {
        switch validation {
        case .share(let share):
            dataset.ownSplitNote.map(note)
            var split = try dataset.split(validation: share, seed: options.seed)
            // A split of the dataset's own is used as it is.
            if dataset.ownSplits.isEmpty, let remark = try split.setLabelledCaseAside() { note(remark) }
            return split
        case .names(let names): return try dataset.split(validation: names)
        case .file(let path): return try dataset.split(CaseSplit(file: path))
        }
    }
}
