/// The version of the package, in every place that says one: the programs, the C library and the bundles that are exported.
public enum Version {
    /// By semantic versioning; docs/public-api.md says what is held stable.
    public static let current = "0.2.0"
}
