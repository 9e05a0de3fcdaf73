import Foundation

/// A built command, run as a user would run it.
struct Command {
    /// The results of a run.
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
        /// Whether the process ended by itself rather than by a signal, as in a crash.
        let exited: Bool

        /// The last line on standard error, which a user reads first.
        var message: String { errors.split(separator: "\n").last.map(String.init) ?? "" }
    }

    let path: String

    /// The path of a command; nil if it is not built.
    private init?(_ name: String) {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folders = [bundle, root.appendingPathComponent(".build/release")]
        let paths = folders.map { $0.appendingPathComponent(name).path }
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else { return nil }
        self.path = path
    }

    private init?(at path: String) {
        guard FileManager.default.isExecutableFile(atPath: path) else { return nil }
        self.path = path
    }

    /// Seconds after which a command is killed; on a machine that runs every test at once, none needs as long.
    private static let mostSeconds = 900.0

    private static let medseg = Command("medseg")
    private static let bench = Command("medseg-bench")

    /// Whether both commands are built; tests that run them are skipped otherwise.
    static var areBuilt: Bool { medseg != nil && bench != nil }

    /// Runs `medseg`.
    static func medseg(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
        guard let medseg else { throw CocoaError(.fileNoSuchFile) }
        return try medseg.run(arguments, environment)
    }

    /// Runs `medseg` with a list of arguments.
    static func medseg(list arguments: [String]) throws -> Outcome {
        guard let medseg else { throw CocoaError(.fileNoSuchFile) }
        return try medseg.run(arguments, [:])
    }

    /// Runs `medseg` with a limited address space, in megabytes.
    static func limited(megabytes: Int, _ arguments: [String]) throws -> Outcome {
        try medseg(after: "ulimit -v \(megabytes << 10)", arguments)
    }

    /// Runs `medseg` after a shell command that changes its environment, such as `umask 077`.
    static func medseg(after setting: String, _ arguments: [String]) throws -> Outcome {
        guard let medseg, let shell = Command(at: "/bin/sh") else { throw CocoaError(.fileNoSuchFile) }
        return try shell.run(["-c", "\(setting) && exec \"$@\"", "sh", medseg.path] + arguments, [:])
    }

    /// Runs `medseg-bench`.
    static func bench(_ arguments: String...) throws -> Outcome { try bench(arguments, environment: [:]) }

    /// Runs `medseg-bench` with a list of arguments.
    static func bench(_ arguments: [String], environment: [String: String]) throws -> Outcome {
        guard let bench else { throw CocoaError(.fileNoSuchFile) }
        return try bench.run(arguments, environment)
    }

    /// Starts `medseg` and returns while it runs; its output is written to a file if one is given.
    static func start(_ arguments: [String], errors: String? = nil) throws -> Process {
        guard let medseg else { throw CocoaError(.fileNoSuchFile) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: medseg.path)
        process.arguments = arguments
        for stream in [\Process.standardOutput, \.standardError, \.standardInput] {
            process[keyPath: stream] = FileHandle.nullDevice
        }
        if let errors { process.standardError = FileHandle(forWritingAtPath: errors) }
        try process.run()
        return process
    }

    private func run(_ arguments: [String], _ environment: [String: String]) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        // Files, not pipes: a full pipe that no process reads would stop the command.
        let folder = try ScratchFolder()
        process.environment = ProcessInfo.processInfo.environment
            .merging(["XDG_CACHE_HOME": folder.file("cache")]) { $1 }.merging(environment) { $1 }
        let (output, errors) = (folder.file("output"), folder.file("errors"))
        for file in [output, errors] { try folder.write([], as: URL(fileURLWithPath: file).lastPathComponent) }
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        // A command that hangs is a failed test, not a test that never ends.
        let identifier = process.processIdentifier
        let end = DispatchWorkItem { kill(identifier, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.mostSeconds, execute: end)
        process.waitUntilExit()
        end.cancel()
        return Outcome(
            status: process.terminationStatus, output: try String(contentsOfFile: output, encoding: .utf8),
            errors: try String(contentsOfFile: errors, encoding: .utf8), exited: process.terminationReason == .exit)
    }
}

/// A folder that a test fills, removed with the value.
final class ScratchFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file and creates its folder first.
    @discardableResult
    func write(_ bytes: some Collection<UInt8>, as name: String) throws -> String {
        let url = URL(fileURLWithPath: file(name))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
        return url.path
    }

    /// Every file in the folder, by path.
    var files: [String] {
        (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).filter {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: file($0), isDirectory: &isFolder) && !isFolder.boolValue
        }.sorted()
    }
}
