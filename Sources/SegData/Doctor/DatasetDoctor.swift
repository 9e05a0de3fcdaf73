internal import Foundation
public import SegCore
public import SegImaging

/// Looks through a dataset for what would end a training, or quietly spoil it.
public struct DatasetDoctor {
    /// What a model will do with the dataset; without it windows are not checked.
    public struct Plan: Sendable {
        /// What is done to a scan before the network sees it.
        public var preprocessing: Preprocessing
        /// The patch or window.
        public var window: Triple
        /// Whether scans smaller than the window are padded.
        public var pads: Bool
        /// Which numbers of label maps are learnt.
        public var labels: LabelScheme

        /// Makes a plan.
        public init(preprocessing: Preprocessing, window: Triple, pads: Bool, labels: LabelScheme = LabelScheme()) {
            self.labels = labels
            self.preprocessing = preprocessing
            self.window = window
            self.pads = pads
        }
    }

    private let dataset: Dataset
    private let plan: Plan?

    /// Takes a dataset whose files need not be there.
    public init(_ dataset: Dataset, plan: Plan?) {
        self.dataset = dataset
        self.plan = plan
    }

    /// Reads every file and says what is wrong, by case.
    /// - Parameter progress: Called with the cases done and the next one's name.
    public func findings(progress: (Int, String) -> Void) -> [DatasetFinding] {
        var findings = dataset.notes.map { note in
            DatasetFinding(
                name: dataset.name, file: "dataset.json", defect: .index, severity: .warning, finding: note,
                mend: "correct the index")
        }
        var records: [CaseRecord] = []
        let scans =
            dataset.cases.map { TestScan(name: $0.name, images: $0.images, label: $0.label) } + dataset.testScans
        for (number, scan) in scans.enumerated() {
            progress(number, scan.name)
            var examination = CaseExamination(scan.name, of: dataset, plan: plan)
            examination.examine(scan.images, label: scan.label)
            findings += examination.findings
            records.append(examination.record)
        }
        return findings + CohortExamination(dataset: dataset, records: records).findings
    }
}
