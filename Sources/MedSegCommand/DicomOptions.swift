import ArgumentParser
import SegCore
import SegDICOM
import SegImaging

/// Options of every command that reads a DICOM series.
struct DicomOptions: ParsableArguments {
    @Option(
        help: """
            Of DICOM with several series: the one to read, by its index in `medseg dicom` or its SeriesInstanceUID.
            """)
    var series: String?

    @Option(help: "Of a DICOM series with several volumes at the same places: the one to read, from 1.")
    var volume: Int?

    @Flag(
        help: """
            Interpolate slices that are missing in a DICOM series, and resample one of two spacings to the smaller one; \
            without it such a series is refused.
            """)
    var fillGaps = false

    /// Registers the DICOM reader with these options.
    /// - Throws: `UsageError` if an option is given but no input is DICOM.
    func register(for inputs: [String]) throws {
        let choice = DicomChoice(series: series, volume: volume, fillsGaps: fillGaps)
        guard choice != DicomChoice() else { return }
        guard inputs.contains(where: DicomSource.isDicom) else {
            throw UsageError("--series, --volume and --fill-gaps are for DICOM, and no input is DICOM; take them out")
        }
        DicomSource(choice).register()
    }
}
