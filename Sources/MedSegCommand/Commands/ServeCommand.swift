import ArgumentParser
import Foundation
import SegCore
import SegImaging

/// `medseg serve`: starts `medseg-server`, a separate program so that this one needs no web server.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves models to a web page, to programs and to 3D Slicer.",
        discussion:
            "Starts medseg-server, a program in the same folder, with the same arguments; `medseg serve --help` is its help."
    )

    @Argument(parsing: .captureForPassthrough, help: "The arguments of medseg-server.")
    var arguments: [String] = []

    func run() throws {
        let server = Self.path
        var words = ([server] + arguments).map { strdup($0) } + [nil]
        execv(server, &words)
        // execv returns only on failure.
        throw DataError(
            .noInput, server,
            "cannot be started (\(String(cString: strerror(errno)))); build it with `swift build -c release --product medseg-server`"
        )
    }

    /// The path of the server beside this program, for any working directory.
    private static var path: String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("medseg-server").path
    }
}
