internal import SegCore

/// The tracking server of a run, besides the run's own folder: the object `tracking` of a configuration.
public struct TrackingOptions: Hashable, Sendable {
    /// The address of an MLflow server.
    public var uri: String?
    /// The experiment that the run belongs to.
    public var experiment: String?
    /// The name of the run.
    public var runName: String?

    /// Reads or writes the object; if it is absent, the environment variables decide.
    static func coded(_ own: TrackingOptions?, by coder: ConfigCoder) throws -> TrackingOptions {
        TrackingOptions(
            uri: try coder.optional("uri", own?.uri, .text),
            experiment: try coder.optional("experiment", own?.experiment, .text),
            runName: try coder.optional("run_name", own?.runName, .text))
    }
}
