/// A type of stored voxels that hold one real number each.
public enum VoxelType: CaseIterable, Hashable, Sendable {
    /// 8-bit unsigned integer, the type of masks.
    case uint8
    /// 8-bit signed integer.
    case int8
    /// 16-bit unsigned integer.
    case uint16
    /// 16-bit signed integer, the usual type of CT.
    case int16
    /// 32-bit unsigned integer.
    case uint32
    /// 32-bit signed integer.
    case int32
    /// 64-bit unsigned integer.
    case uint64
    /// 64-bit signed integer.
    case int64
    /// 32-bit float.
    case float32
    /// 64-bit float.
    case float64

    /// Bytes of one voxel.
    public var byteCount: Int {
        switch self {
        case .uint8, .int8: 1
        case .int16, .uint16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64: 8
        }
    }

    /// NumPy's name of the type: `uint8`, `float32`.
    public var name: String { "\(self)" }
}

/// A number type that volumes are written in.
public protocol WritableVoxel: Sendable {
    /// The stored type.
    static var voxelType: VoxelType { get }
}

extension UInt8: WritableVoxel {
    /// Masks.
    public static var voxelType: VoxelType { .uint8 }
}

extension Int8: WritableVoxel {
    /// A scan's own type.
    public static var voxelType: VoxelType { .int8 }
}

extension UInt16: WritableVoxel {
    /// Masks of many labels, scaled probabilities.
    public static var voxelType: VoxelType { .uint16 }
}

extension Int16: WritableVoxel {
    /// CT.
    public static var voxelType: VoxelType { .int16 }
}

extension UInt32: WritableVoxel {
    /// A scan's own type.
    public static var voxelType: VoxelType { .uint32 }
}

extension Int32: WritableVoxel {
    /// A scan's own type.
    public static var voxelType: VoxelType { .int32 }
}

extension UInt64: WritableVoxel {
    /// A scan's own type.
    public static var voxelType: VoxelType { .uint64 }
}

extension Int64: WritableVoxel {
    /// A scan's own type.
    public static var voxelType: VoxelType { .int64 }
}

extension Float: WritableVoxel {
    /// Probabilities and uncertainty.
    public static var voxelType: VoxelType { .float32 }
}

extension Double: WritableVoxel {
    /// A scan's own type.
    public static var voxelType: VoxelType { .float64 }
}
