import ArgumentParser
import Foundation
import SegDevices

/// `medseg devices`.
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices", abstract: "Lists the computing devices, and the one that \"auto\" chooses.")

    @Flag(help: "Print JSON.")
    var json = false

    @Option(help: "CPU threads of networks; default MEDSEG_THREADS or every core.")
    var threads: Int?

    func run() throws {
        try checkThreads(threads)
        let entries = try Devices.available(threads: threads)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            let list = entries.enumerated().map {
                ["name": $1.name, "details": $1.details, "auto": $0 == 0 ? "yes" : "no"]
            }
            print(String(decoding: try encoder.encode(list), as: UTF8.self))
            return
        }
        for (index, entry) in entries.enumerated() {
            let name = entry.name.padding(toLength: max(12, entry.name.count), withPad: " ", startingAt: 0)
            print("\(name)\(entry.details)\(index == 0 ? "   ← auto" : "")")
        }
    }
}
