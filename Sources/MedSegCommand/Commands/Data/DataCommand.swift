import ArgumentParser
import SegData

/// `medseg data`.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Makes, imports, converts, checks, splits and prepares datasets.",
        subcommands: [
            ImportCommand.self, DoctorCommand.self, SplitCommand.self, PrepareCommand.self, ConvertScanCommand.self,
            PhantomCommand.self,
        ])
}

extension Dataset {
    /// The numbers of cases and test scans, as text for the user.
    var contents: String {
        func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
        return "\(count(cases.count, "case")), \(count(tests.count, "test scan"))"
    }
}
