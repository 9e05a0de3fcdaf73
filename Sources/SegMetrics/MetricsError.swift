public import SegCore

/// What can be wrong with the arguments of a metric.
public enum MetricsError: Error, Equatable, CustomStringConvertible {
    /// A mask does not have one voxel for each place of the grid.
    case voxelCount(mask: String, expected: Int, got: Int)
    /// Size or spacing is not that of a 3-D grid.
    case invalidGrid(String)
    /// An option is outside its range.
    case invalidOption(String)

    /// One sentence: what was expected, what came, what to do.
    public var description: String {
        switch self {
        case .voxelCount(let mask, let expected, let got):
            "The \(mask) has \(got) voxels, but the grid has \(expected); resample both masks to one grid first."
        case .invalidGrid(let reason), .invalidOption(let reason):
            reason
        }
    }
}

extension MetricsError: CodedError {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus { .badData }
}
