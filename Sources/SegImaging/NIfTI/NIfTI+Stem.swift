extension NIfTI {
    /// A file's name without its folder and without `.nii`, `.nii.gz`, `.hdr` or `.img`.
    public static func stem(of path: String) -> String {
        var name = path.split(separator: "/").last.map(String.init) ?? path
        for ending in [".gz", ".nii", ".hdr", ".img"] where name.lowercased().hasSuffix(ending) {
            name = String(name.dropLast(ending.count))
        }
        return name
    }
}
