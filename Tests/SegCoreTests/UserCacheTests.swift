import Foundation
import SegCore
import Testing

/// A relative path and an empty one are ignored, as the XDG specification requires.
@Test(arguments: [["XDG_CACHE_HOME": "caches"], ["XDG_CACHE_HOME": ""], [:]])
func cachesAreInTheHomeFolderWithoutAnAbsolutePath(_ environment: [String: String]) {
    #expect(UserCache.folder(in: environment) == NSHomeDirectory() + "/.cache")
}

@Test func cachesAreInTheFolderOfTheEnvironment() {
    #expect(UserCache.folder(in: ["XDG_CACHE_HOME": "/scratch/caches"]) == "/scratch/caches")
}
