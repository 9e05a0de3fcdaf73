internal import Foundation

/// The folder for caches of the user who runs a program.
public enum UserCache {
    /// `$XDG_CACHE_HOME`, or `~/.cache` if it is not set or not an absolute path. The XDG specification requires that relative
    /// paths are ignored.
    public static var folder: String { folder(in: ProcessInfo.processInfo.environment) }

    /// The folder that an environment sets.
    public static func folder(in environment: [String: String]) -> String {
        environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? NSHomeDirectory() + "/.cache"
    }
}
