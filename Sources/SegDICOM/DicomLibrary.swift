internal import CDicom
internal import SegCore

/// The library that is linked with DCMTK and OpenJPEG; it is opened on first use.
enum DicomLibrary {
    /// The functions of the library.
    /// - Throws: `DataError` of the kind `unavailable` if DCMTK, OpenJPEG or the library itself is missing.
    static func functions(for path: String) throws(DataError) -> dicom_library {
        var reason: UnsafePointer<CChar>?
        guard let table = dicom_library_open(&reason) else {
            let why = reason.map { String(cString: $0) } ?? "unknown"
            throw DataError(
                .unavailable, path,
                "is DICOM, which needs libMedSegDICOM with DCMTK and OpenJPEG, but that library cannot be opened (\(why)). "
                    + "Install libdcmtk17 and libopenjp2-7, and put libMedSegDICOM.so beside the program; or convert the "
                    + "series to NIfTI.")
        }
        return table.pointee
    }
}
