import ArgumentParser
import Foundation
import SegData
import SegImaging
import SegStudy

/// `medseg data phantom`.
struct PhantomCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "phantom",
        abstract: "Makes CT-like abdominal volumes with labels, in the Decathlon's layout.",
        discussion: """
            Body, liver, spleen, kidneys, spine and more, with noise; position, size, spacing and orientation vary from \
            case to case. They are for demonstrations and tests; a result on them says nothing about patients.
            """)

    @Option(help: "The folder to write.")
    var out: String

    @Option(help: "Number of cases.")
    var count = 12

    @Option(help: "The random seed; the same seed gives the same cases.")
    var seed: UInt64 = 0

    @Flag(help: "Label every organ, not the spleen alone.")
    var organs = false

    @OptionGroup var printing: PrintingOptions

    @Flag(help: "Write into a folder that holds files.")
    var force = false

    func run() throws {
        guard count > 0 else { throw UsageError("--count should be positive, not \(count)") }
        var options = PhantomOptions()
        options.labelsAllOrgans = organs
        try OutputFolder.prepare(out, force: force)
        var bar = ProgressBar("phantoms", quiet: printing.quiet)
        var done = 0
        try PhantomDataset(cases: count, seed: seed, options: options).write(
            to: URL(fileURLWithPath: out), overwrite: force
        ) { name in
            done += 1
            bar.show(Double(done) / Double(count), name)
        }
        bar.finish()
        print("\(out)/dataset.json: \(count) cases")
    }
}
