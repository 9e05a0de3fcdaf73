/// A type of stored voxels that are one real number each.
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

    /// The number of bytes of one voxel.
    public var byteCount: Int {
        switch self {
        case .uint8, .int8: 1
        case .int16, .uint16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64: 8
        }
    }

    /// The NumPy name of the type: `uint8`, `float32`.
    public var name: String { "\(self)" }
}

/// A number type of written volumes.
public protocol WritableVoxel: Sendable {
    /// The stored type.
    static var voxelType: VoxelType { get }
}

extension UInt8: WritableVoxel {
    /// The type of masks.
    public static var voxelType: VoxelType { .uint8 }
}

extension Int8: WritableVoxel {
    /// The type of voxels that are copied from a scan in their stored type.
    public static var voxelType: VoxelType { .int8 }
}

extension UInt16: WritableVoxel {
    /// The type of masks of many labels and of scaled probabilities.
    public static var voxelType: VoxelType { .uint16 }
}

extension Int16: WritableVoxel {
    /// The type of CT.
    public static var voxelType: VoxelType { .int16 }
}

extension UInt32: WritableVoxel {
    /// The type of voxels that are copied from a scan in their stored type.
    public static var voxelType: VoxelType { .uint32 }
}

extension Int32: WritableVoxel {
    /// The type of voxels that are copied from a scan in their stored type.
    public static var voxelType: VoxelType { .int32 }
}

extension UInt64: WritableVoxel {
    /// The type of voxels that are copied from a scan in their stored type.
    public static var voxelType: VoxelType { .uint64 }
}

extension Int64: WritableVoxel {
    /// The type of voxels that are copied from a scan in their stored type.
    public static var voxelType: VoxelType { .int64 }
}

extension Float: WritableVoxel {
    /// The type of probabilities and uncertainty.
    public static var voxelType: VoxelType { .float32 }
}

extension Double: WritableVoxel {
    /// The type of voxels that are copied from a scan in their stored type.
    public static var voxelType: VoxelType { .float64 }
}
