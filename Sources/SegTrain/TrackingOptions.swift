internal import SegCore

/// Where a run is logged beside its own folder: the object `tracking` of a configuration.
public struct TrackingOptions: Hashable, Sendable {
    /// The address of an MLflow server.
    public var uri: String?
    /// The experiment that the run is filed under.
    public var experiment: String?
    /// What the run is called.
    public var runName: String?

    /// The object; absent means that the environment decides.
    static func coded(_ own: TrackingOptions?, by coder: ConfigCoder) throws -> TrackingOptions {
        TrackingOptions(
            uri: try coder.optional("uri", own?.uri, .text),
            experiment: try coder.optional("experiment", own?.experiment, .text),
            runName: try coder.optional("run_name", own?.runName, .text))
    }
}
