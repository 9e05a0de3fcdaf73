internal import Foundation
public import SegCore
public import SegImaging

/// Checks a dataset for faults that would stop a training run or silently spoil it.
public struct DatasetDoctor {
    /// The model's use of the dataset. Without a plan, preprocessing, windows and vanishing classes are not checked.
    public struct Plan: Sendable {
        /// The preprocessing of a scan for the network.
        public var preprocessing: Preprocessing
        /// The size of the patch or window.
        public var window: Triple
        /// Whether scans smaller than the window are padded.
        public var pads: Bool
        /// The numbers of label maps that are trained on.
        public var labels: LabelScheme
        /// The number of the network's input channels; nil if it is not checked.
        public var channels: Int?
        /// The number of classes with the background; nil if it is not checked.
        public var classes: Int?
        /// The error with which a training run of the configuration would end before its first step.
        public var refusal: DataError?

        /// Creates a plan.
        public init(preprocessing: Preprocessing, window: Triple, pads: Bool, labels: LabelScheme = LabelScheme()) {
            self.labels = labels
            self.preprocessing = preprocessing
            self.window = window
            self.pads = pads
        }
    }

    let dataset: Dataset
    let plan: Plan?

    /// Creates a doctor for a dataset whose files may be missing.
    public init(_ dataset: Dataset, plan: Plan?) {
        self.dataset = dataset
        self.plan = plan
    }

    /// Reads every file and returns the findings in this order: about the index and the configuration, about each case, and
    /// about all cases compared with each other.
    /// - Parameter progress: Called with the number of finished cases and the next case's name.
    public func findings(progress: (Int, String) -> Void) -> [DatasetFinding] {
        var findings = dataset.notes.map { note in
            DatasetFinding(
                name: dataset.name, file: "dataset.json", defect: .index, severity: .warning, finding: note,
                mend: "correct the index")
        }
        // Only training measures a fingerprint, and grids do not depend on it.
        var tried = plan
        tried?.preprocessing = plan?.preprocessing.withoutUnmeasured ?? Preprocessing([])
        if let refusal = plan?.refusal {
            findings.append(
                DatasetFinding(
                    name: dataset.name, file: refusal.subject, defect: .configuration, severity: .error,
                    finding: refusal.told(of: refusal.subject),
                    mend: "correct the configuration or the dataset's index"))
        }
        var records: [CaseRecord] = []
        let scans =
            dataset.cases.map { TestScan(name: $0.name, images: $0.images, label: $0.label) } + dataset.testScans
        for (number, scan) in scans.enumerated() {
            progress(number, scan.name)
            var examination = CaseExamination(scan.name, of: dataset, plan: tried)
            examination.examine(scan.images, label: scan.label)
            findings += examination.findings
            records.append(examination.record)
        }
        let cohort = CohortExamination(dataset: dataset, records: records, labels: plan?.labels)
        return findings + unsuitedRules + cohort.findings
    }
}
