import ArgumentParser
import Foundation
import SegData
import SegDownload
import Synchronization

/// `medseg data import`.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Imports a dataset into a folder: from a Decathlon or nnU-Net archive or folder, or from a URL.",
        discussion: """
            Archives are tar (plain or with gzip, bzip2, xz, zstd or lz4) or zip; files that macOS hides in them are \
            left out. An archive is refused if it holds a link or a name that leads outside, or if it unpacks to more \
            than 64 MiB plus 200 times its size. A download is kept in OUT.part until the import is done. If the \
            download is interrupted, the same command continues it, unless the server's file has changed. Task09_Spleen.tar is \
            checked against its published MD5. The folder appears when it is complete, and no existing file is \
            overwritten.
            """)

    @Argument(help: "An archive, a folder, or an http(s) address of an archive.")
    var source: String

    @Option(help: "The folder to create, with imagesTr, labelsTr and dataset.json.")
    var out: String

    @OptionGroup var patterns: PatternOptions

    @Flag(help: "Link to the files of a folder in place of copying them.")
    var link = false

    @Option(help: "The archive's MD5, 32 hexadecimal digits, checked before anything is unpacked.")
    var md5: String?

    @OptionGroup var printing: PrintingOptions

    func run() throws {
        let bar = Mutex(ProgressBar("import", quiet: printing.quiet))
        let dataset = try DatasetImport(
            source, to: URL(fileURLWithPath: out), patterns: patterns.patterns(), transfer: link ? .link : .copy,
            md5: md5, network: HTTPDownload()
        ).run { progress in
            bar.withLock {
                switch progress {
                case .downloading(let there, of: let all):
                    $0.show(all > 0 ? Double(there) / Double(all) : 0, "\(there >> 20) MiB downloaded")
                case .unpacking(let share): $0.show(share, "unpacking")
                case .placing(let done, of: let all): $0.show(Double(done) / Double(all), "\(done) of \(all) files")
                }
            }
        }
        bar.withLock { $0.finish() }
        dataset.remarks.forEach(note)
        print("\(out)/dataset.json: \(dataset.contents)")
        if !printing.quiet { note("next: medseg data doctor \(out)") }
    }
}
