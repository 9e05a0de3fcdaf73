public import SegCore

/// The errors in the arguments of a metric.
public enum MetricsError: Error, Equatable, CustomStringConvertible {
    /// The number of voxels of a mask differs from the grid's.
    case voxelCount(mask: String, expected: Int, got: Int)
    /// The size or spacing is not valid for a 3-D grid.
    case invalidGrid(String)
    /// An option is outside its range.
    case invalidOption(String)

    /// A sentence with the value found, the value expected and the remedy.
    public var description: String {
        switch self {
        case .voxelCount(let mask, let expected, let got):
            "The \(mask) has \(got) voxels, but the grid has \(expected); resample both masks to the same grid first."
        case .invalidGrid(let reason), .invalidOption(let reason):
            reason
        }
    }
}

extension MetricsError: CodedError {
    /// The exit code of a program that stops with this error.
    public var exitStatus: ExitStatus { .badData }
}
