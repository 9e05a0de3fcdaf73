extension NIfTIHeader: ScanHeader {
    package var title: String { "NIfTI-\(version), \(endian.rawValue) endian" }

    package var details: [(name: String, text: String)] {
        [
            ("scaling", "slope \(sclSlope), intercept \(sclInter)"),
            ("forms", "qform code \(qformCode), sform code \(sformCode)"),
        ]
    }

    package var isOurs: Bool { descrip == NIfTI.program }

    package var fields: any Encodable & Sendable { StoredFields(header: self) }
}

/// The raw header fields in the program's JSON output.
private struct StoredFields: Encodable {
    var header: NIfTIHeader

    enum CodingKeys: String, CodingKey {
        case nifti, endian, dim, datatype, bitpix, pixdim
        case voxOffset = "vox_offset"
        case sclSlope = "scl_slope"
        case sclInter = "scl_inter"
        case xyztUnits = "xyzt_units"
        case qformCode = "qform_code"
        case sformCode = "sform_code"
        case magic
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(header.version, forKey: .nifti)
        try container.encode(header.endian, forKey: .endian)
        try container.encode(header.dim, forKey: .dim)
        try container.encode(header.datatype, forKey: .datatype)
        try container.encode(header.bitpix, forKey: .bitpix)
        try container.encode(header.pixdim.map { JSONNumber($0) }, forKey: .pixdim)
        try container.encode(JSONNumber(header.voxOffset), forKey: .voxOffset)
        try container.encode(JSONNumber(header.sclSlope), forKey: .sclSlope)
        try container.encode(JSONNumber(header.sclInter), forKey: .sclInter)
        try container.encode(header.xyztUnits, forKey: .xyztUnits)
        try container.encode(header.qformCode, forKey: .qformCode)
        try container.encode(header.sformCode, forKey: .sformCode)
        try container.encode(header.magic, forKey: .magic)
    }
}
