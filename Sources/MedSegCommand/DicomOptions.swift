import ArgumentParser
import SegCore
import SegDICOM
import SegImaging

/// Options of every command that reads a DICOM series.
struct DicomOptions: ParsableArguments {
    @Option(
        help: """
            The series to read if the DICOM has several: its index in `medseg dicom` or its SeriesInstanceUID.
            """)
    var series: String?

    @Option(help: "The volume to read, from 1, if a DICOM series has several volumes at the same positions.")
    var volume: Int?

    @Flag(
        help: """
            Interpolate missing slices of a DICOM series, and resample a series with two spacings to the smaller one; \
            without this option such a series is refused.
            """)
    var fillGaps = false

    /// Registers the DICOM reader with these options.
    /// - Throws: `UsageError` if an option is given but no input is DICOM.
    func register(for inputs: [String]) throws {
        let choice = DicomChoice(series: series, volume: volume, fillsGaps: fillGaps)
        guard choice != DicomChoice() else { return }
        guard inputs.contains(where: DicomSource.isDicom) else {
            throw UsageError("--series, --volume and --fill-gaps are for DICOM, but no input is DICOM; leave them out")
        }
        DicomSource(choice).register()
    }
}
