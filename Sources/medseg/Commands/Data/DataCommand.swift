import ArgumentParser

/// `medseg data`.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Makes, imports, checks and splits datasets.",
        subcommands: [ImportCommand.self, DoctorCommand.self, SplitCommand.self, PhantomCommand.self])
}
