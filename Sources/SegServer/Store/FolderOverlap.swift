internal import Foundation
internal import SegCore

/// Refuses folders that contain each other: the server empties its own folder, which must not contain scans or models.
enum FolderOverlap {
    /// Compares the server's own folder with the user's folders, after symbolic links are resolved.
    /// - Throws: `ServerOptionError` naming both folders.
    static func check(_ options: ServerOptions) throws {
        let scratch = options.scratchFolder
        for (name, folder) in [("--studies", options.studies), ("--models", options.models)] {
            guard let folder, isInside(folder, scratch) || isInside(scratch, folder) else { continue }
            let own = options.scratch == nil ? "the server's own folder" : "--scratch"
            throw ServerOptionError(
                "\(own) \(scratch) and \(name) \(folder) overlap, but the server deletes everything in its own "
                    + "folder; choose two separate folders\(options.scratch == nil ? ", with --scratch" : "")")
        }
    }

    /// Whether a folder is the same as another one or inside it.
    private static func isInside(_ folder: String, _ outer: String) -> Bool {
        let (path, other) = (resolved(folder), resolved(outer))
        if path.starts(with: other) { return true }
        // A folder that is mounted twice has two paths.
        guard let place = FileStamp("/" + other.joined(separator: "/")) else { return false }
        return (0...path.count).contains {
            FileStamp("/" + path.prefix($0).joined(separator: "/"))?.isSameFile(as: place) == true
        }
    }

    /// The components of a folder's path, with links resolved; components that do not exist stay unchanged.
    private static func resolved(_ folder: String) -> [String] {
        var url = URL(fileURLWithPath: folder).absoluteURL
        var rest: [String] = []
        while true {
            if let real = realpath(url.path, nil) {
                defer { free(real) }
                return String(cString: real).split(separator: "/").map(String.init) + rest
            }
            guard url.pathComponents.count > 1 else { return rest }
            rest.insert(url.lastPathComponent, at: 0)
            url = url.deletingLastPathComponent()
        }
    }
}
