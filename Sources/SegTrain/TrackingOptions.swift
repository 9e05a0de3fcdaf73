internal import SegCore

/// Where a run is logged beside its own folder: the object `tracking` of a configuration.
public struct TrackingOptions: Hashable, Sendable {
    /// The address of an MLflow server.
    public var uri: String?
    /// The experiment that the run is filed under.
    public var experiment: String?
    /// What the run is called.
    public var runName: String?

    /// Reads the object; absent means that the environment decides.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    init(_ reader: ConfigReader?) throws {
        uri = try reader?.string("uri")
        experiment = try reader?.string("experiment")
        runName = try reader?.string("run_name")
        try reader?.finish()
    }

    /// The object that reads as these options.
    var entries: [String: ConfigValue] {
        ["uri": uri, "experiment": experiment, "run_name": runName].mapValues { $0.map { .string($0) } ?? .null }
    }
}
