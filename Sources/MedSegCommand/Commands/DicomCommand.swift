import ArgumentParser
import Foundation
import SegCore
import SegDICOM

/// `medseg dicom`.
struct DicomCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dicom",
        abstract: "Lists the series and volumes of a DICOM folder, and what is left out and why.",
        discussion: """
            Index and volume are the values for --series and --volume of predict, totalsegmentator, info and data \
            convert. Hidden files and files that are not DICOM are skipped. No patient is named, but a \
            SeriesDescription may contain personal data.
            """)

    @Argument(help: "A folder, a ZIP, a DICOMDIR or a DICOM file.")
    var folder: String

    @Flag(help: "List what would be read with --fill-gaps.")
    var fillGaps = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let catalogue = try DicomCatalogue(folder, fillsGaps: fillGaps)
        guard json else {
            for line in catalogue.table + catalogue.notes { print(line) }
            return
        }
        let leftOut = catalogue.leftOut.map { LeftOut(file: $0.file, why: $0.why) }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(Listing(series: catalogue.rows, leftOut: leftOut))
        print(String(decoding: data, as: UTF8.self))
    }

    private struct Listing: Encodable {
        var series: [DicomCatalogue.Row]
        var leftOut: [LeftOut]
    }

    private struct LeftOut: Encodable {
        var file: String
        var why: String
    }
}
