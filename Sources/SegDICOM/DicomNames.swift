/// Transfer syntaxes by their UIDs.
enum DicomSyntax {
    private static let names: [String: String] = [
        "1.2.840.10008.1.2": "implicit little endian", "1.2.840.10008.1.2.1": "explicit little endian",
        "1.2.840.10008.1.2.1.99": "deflated", "1.2.840.10008.1.2.2": "explicit big endian",
        "1.2.840.10008.1.2.5": "RLE", "1.2.840.10008.1.2.4.50": "JPEG baseline",
        "1.2.840.10008.1.2.4.51": "JPEG extended", "1.2.840.10008.1.2.4.53": "JPEG spectral selection",
        "1.2.840.10008.1.2.4.55": "JPEG progressive", "1.2.840.10008.1.2.4.57": "JPEG lossless",
        "1.2.840.10008.1.2.4.70": "JPEG lossless", "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
        "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless", "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
        "1.2.840.10008.1.2.4.91": "JPEG 2000", "1.2.840.10008.1.2.4.201": "HTJ2K lossless",
        "1.2.840.10008.1.2.4.202": "HTJ2K lossless", "1.2.840.10008.1.2.4.203": "HTJ2K",
    ]

    private static let refused: [String: String] = [
        "1.2.840.10008.1.2.4.92": "JPEG 2000 Part 2", "1.2.840.10008.1.2.4.93": "JPEG 2000 Part 2",
        "1.2.840.10008.1.2.4.110": "JPEG XL", "1.2.840.10008.1.2.4.111": "JPEG XL",
        "1.2.840.10008.1.2.4.112": "JPEG XL", "1.2.840.10008.1.2.8.1": "Deflated Image Frame",
    ]

    /// The name of a syntax in messages.
    static func name(_ uid: String) -> String { names[uid] ?? "transfer syntax \(uid.prefix(64))" }

    /// The name of a syntax that is not read; nil for the syntaxes that are read.
    static func unread(_ uid: String) -> String? {
        if names[uid] != nil { return nil }
        if let name = refused[uid] { return name }
        // The UIDs of MPEG-2, H.264 and H.265 have numbers from 100.
        if uid.hasPrefix("1.2.840.10008.1.2.4.10") { return "a video codec (\(uid))" }
        return "the transfer syntax \(uid.isEmpty ? "that it does not name" : String(uid.prefix(64)))"
    }
}

/// Kinds of DICOM files (SOP classes) by their UIDs.
enum DicomClass {
    private static let storage = "1.2.840.10008.5.1.4.1.1."

    /// Kinds that have no pixels, or pixels that are not a scan.
    private static let others: [String: String] = [
        "66": "raw data", "66.1": "a registration", "66.2": "fiducials", "66.4": "a segmentation",
        "66.5": "a surface segmentation", "66.7": "a segmentation", "481.2": "an RT dose",
        "481.3": "an RT structure set",
        "481.5": "an RT plan", "11.1": "a presentation state", "104.1": "an encapsulated PDF",
        "30": "a parametric map",
    ]

    /// The name of a kind in messages.
    static func name(_ uid: String) -> String {
        guard uid.hasPrefix(storage) else { return uid.isEmpty ? "none" : String(uid.prefix(64)) }
        let number = String(uid.dropFirst(storage.count))
        let known = [
            "2": "CT", "2.1": "Enhanced CT", "4": "MR", "4.1": "Enhanced MR", "128": "PET", "128.1": "Enhanced PET",
            "1": "CR", "1.1": "digital X-ray", "3.1": "ultrasound multi-frame", "6.1": "ultrasound",
            "20": "nuclear medicine", "12.1": "X-ray angiography", "12.2": "X-ray fluoroscopy",
        ]
        return others[number] ?? known[number] ?? String(uid.prefix(64))
    }

    /// The name of a kind of file that is always left out; nil for scans.
    static func leftOut(_ uid: String) -> String? {
        guard uid.hasPrefix(storage) else { return nil }
        let number = uid.dropFirst(storage.count)
        // Secondary captures are screenshots, often with the patient's name burned in.
        if number == "7" || number.hasPrefix("7.") { return "a secondary capture" }
        if number.hasPrefix("88.") { return "a report" }
        if number.hasPrefix("11.") { return "a presentation state" }
        return others[String(number)]
    }
}
