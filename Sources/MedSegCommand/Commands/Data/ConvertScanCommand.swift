import ArgumentParser
import SegCore
import SegImaging
import SegStudy

/// `medseg data convert`.
struct ConvertScanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Converts a scan or a mask to the format of the output's file extension.",
        discussion: """
            Reads NIfTI, NRRD, MetaImage and DICOM (a folder, a ZIP, or a multi-frame file), recognised by their \
            content. The output may end in \(endings); .nhdr and .mhd files have the voxels in a second file beside \
            them. Voxels and their stored type stay the same, except that voxels with a scaling in the header are \
            written with the scaling applied. The geometry stays the same, with lengths in millimetres if the format \
            changes.
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
