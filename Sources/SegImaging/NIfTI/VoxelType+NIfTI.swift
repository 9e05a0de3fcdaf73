extension VoxelType {
    /// Creates the type of a `datatype` code; nil if the code does not mean one real number per voxel.
    init?(niftiCode code: Int) {
        guard let type = Self.allCases.first(where: { $0.niftiCode == code }) else { return nil }
        self = type
    }

    /// NIfTI's `datatype` code of the type.
    var niftiCode: Int {
        switch self {
        case .uint8: 2
        case .int16: 4
        case .int32: 8
        case .float32: 16
        case .float64: 64
        case .int8: 256
        case .uint16: 512
        case .uint32: 768
        case .int64: 1024
        case .uint64: 1280
        }
    }

    /// The name of a type that NIfTI defines but that is not one real number per voxel; nil for other codes.
    static func unsupportedName(ofNIfTICode code: Int) -> String? {
        switch code {
        case 1: "binary (1 bit)"
        case 32: "complex64"
        case 128: "RGB24 colour"
        case 1536: "float128"
        case 1792: "complex128"
        case 2048: "complex256"
        case 2304: "RGBA32 colour"
        default: nil
        }
    }
}
