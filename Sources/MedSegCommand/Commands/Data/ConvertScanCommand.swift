import ArgumentParser
import SegCore
import SegImaging
import SegStudy

/// `medseg data convert`.
struct ConvertScanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Writes a scan or a mask anew, in the format that the new name's ending says.",
        discussion: """
            NIfTI, NRRD, MetaImage and DICOM (a folder, a ZIP, or a file of many frames) are read, by their content; names may end in \(endings), of which .nhdr and .mhd have \
            the voxels in a file beside them. Voxels and their \
            stored type stay as they are, but voxels that a header scales are written as what they mean. The geometry \
            stays, with lengths in millimetres where the format changes.
            """)

    @Argument(help: "The scan.")
    var input: String

    @Argument(help: "The new file.")
    var output: String

    @OptionGroup var dicom: DicomOptions

    @Flag(help: "Write over an existing file.")
    var force = false

    private static let endings = ScanFile.writtenEndings.joined(separator: ", ")

    func run() throws {
        try OutputFolder.refuseExisting(output, force: force)
        try dicom.register(for: [input])
        for remark in try ScanFile.layout(of: input).geometry.remarks { note("\(input): \(remark)") }
        try ScanFile.convert(input, to: output, overwrite: force)
        print("\(output): \(try ScanFile.inspect(output).title)")
    }
}
