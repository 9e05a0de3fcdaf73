/// The version of the package. medseg.h and bindings/python/medseg/version.py repeat it, and `make library-test` fails
/// where they differ.
public enum Version {
    /// By semantic versioning; docs/public-api.md says what is held stable.
    public static let current = "0.2.0"
}
