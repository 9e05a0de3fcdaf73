/// The version of the package. medseg.h and bindings/python/medseg/version.py repeat it, and `make library-test` fails
/// if they differ. CITATION.cff, SECURITY.md and CHANGELOG.md repeat it too.
public enum Version {
    /// The semantic version; docs/public-api.md lists the stable interfaces.
    public static let current = "0.2.0"
}
