public import SegCore
public import SegData
internal import SegImaging
internal import SegInference
internal import SegModels

extension TrainingConfiguration {
    /// Whether the fingerprint of the intensities is still to be measured over the training cases.
    public var isMeasured: Bool { model.preprocessing.isMeasured }

    /// The configuration with the fingerprint of the intensities measured; unchanged if nothing is to be measured.
    ///
    /// The configuration of a run, its checkpoints and its model folders hold the numbers, so neither a prediction nor a
    /// resumed run measures again.
    /// - Parameters:
    ///   - cases: The training cases.
    ///   - dataset: The dataset, whose channel names say which channels are CT.
    ///   - progress: Called with the number of finished cases and the name of the next one.
    /// - Throws: `DataError` if a channel is not CT, or a file cannot be used.
    public func measured(
        over cases: [DatasetCase], of dataset: Dataset, progress: (Int, String) -> Void = { _, _ in }
    ) throws -> TrainingConfiguration {
        guard !isMeasured else { return self }
        let model = try checkedModel(of: dataset)
        let channels = try model.inputChannels
        let waiting = model.preprocessing.unmeasured(of: channels)
        let others = waiting.filter { dataset.isCT(channel: $0) == false }.map { "'\(dataset.channelNames[$0])'" }
        guard others.isEmpty else {
            throw DataError(
                .badData, model.network.source, key: "preprocessing.intensity",
                "is a fingerprint, but the dataset's channel \(others.joined(separator: ", ")) is not CT: its intensities have "
                    + "no common unit. Use {name: z_score, of: nonzero}, as nnU-Net does, or give the channel a rule of its own"
            )
        }
        let numbers = try IntensityFingerprint.measured(
            over: cases, channels: channels, classes: model.classCount, labels: model.labelScheme,
            progress: progress)
        var measured = self
        measured.model.preprocessing = model.preprocessing.measured(numbers)
        return measured
    }

    /// The configuration with the numbers that the configuration of a started run holds; unchanged if nothing is to be
    /// measured, or if the run has other rules, which `checkResumes` reports.
    public func measured(asIn started: ConfigValue, source: String) throws -> TrainingConfiguration {
        guard !isMeasured else { return self }
        let reader = try ConfigReader(started, path: "", source: source)
        var measured = self
        measured.model.preprocessing = model.preprocessing.measured(
            asIn: try ModelDescription.entries(of: reader).preprocessing)
        return measured
    }
}
