/// A scan file in memory: the geometry, and the voxels of any dimension in their stored type.
public struct StoredScan: Sendable {
    /// The layout from the header.
    public let layout: ScanLayout
    /// The scaling value = stored * slope + inter, nil if the stored values are the values.
    let scaling: (slope: Double, inter: Double)?
    /// The stored voxels in this machine's byte order, first axis fastest, as in the file.
    let bytes: [UInt8]

    /// Creates a scan of `layout.byteCount` bytes in this machine's byte order, first axis fastest.
    package init(layout: ScanLayout, scaling: (slope: Double, inter: Double)?, bytes: [UInt8]) {
        precondition(bytes.count == layout.byteCount, "\(layout.byteCount) bytes were expected, not \(bytes.count)")
        (self.layout, self.scaling, self.bytes) = (layout, scaling, bytes)
    }

    /// The size along each axis; the first axis is the scan's i.
    public var shape: [Int] { layout.shape }
    /// The stored type.
    public var type: VoxelType { layout.type }
    /// The geometry of the voxels.
    public var geometry: ScanGeometry { layout.geometry }
    /// The affine from voxel index to RAS+ mm.
    public var affine: Affine { layout.geometry.affine }
    /// The number of voxels.
    public var count: Int { bytes.count / type.byteCount }
}

extension StoredScan {
    /// The scaled value at an index, which has as many numbers as `shape`.
    public func value(at index: [Int]) -> Double {
        precondition(index.count == shape.count, "an index of \(shape.count) numbers was expected")
        var offset = 0
        for axis in shape.indices.reversed() {
            precondition((0..<shape[axis]).contains(index[axis]), "index \(index) lies outside \(shape)")
            offset = offset * shape[axis] + index[axis]
        }
        return withStored(ScaledValue(image: self, offset: offset))
    }

    /// Calls a visitor with the voxels as numbers of the stored type.
    func withStored<Visitor: StoredVisitor>(_ visitor: Visitor) -> Visitor.Result {
        bytes.withUnsafeBytes { raw in
            switch type {
            case .uint8: visitor.visit(raw.bindMemory(to: UInt8.self))
            case .int8: visitor.visit(raw.bindMemory(to: Int8.self))
            case .uint16: visitor.visit(raw.bindMemory(to: UInt16.self))
            case .int16: visitor.visit(raw.bindMemory(to: Int16.self))
            case .uint32: visitor.visit(raw.bindMemory(to: UInt32.self))
            case .int32: visitor.visit(raw.bindMemory(to: Int32.self))
            case .uint64: visitor.visit(raw.bindMemory(to: UInt64.self))
            case .int64: visitor.visit(raw.bindMemory(to: Int64.self))
            case .float32: visitor.visit(raw.bindMemory(to: Float.self))
            case .float64: visitor.visit(raw.bindMemory(to: Double.self))
            }
        }
    }
}

/// A number type of stored voxels.
protocol StoredScalar: WritableVoxel, BitwiseCopyable {
    /// The number as Double; 64-bit integers beyond 2⁵³ are rounded.
    var asDouble: Double { get }
}

extension UInt8: StoredScalar { @inline(__always) var asDouble: Double { Double(self) } }
extension Int8: StoredScalar { @inline(__always) var asDouble: Double { Double(self) } }
extension UInt16: StoredScalar { @inline(__always) var asDouble: Double { Double(self) } }
extension Int16: StoredScalar { @inline(__always) var asDouble: Double { Double(self) } }
extension UInt32: StoredScalar { @inline(__always) var asDouble: Double { Double(self) } }
extension Int32: StoredScalar { @inline(__always) var asDouble: Double { Double(self) } }
extension UInt64: StoredScalar { @inline(__always) var asDouble: Double { Double(self) } }
extension Int64: StoredScalar { @inline(__always) var asDouble: Double { Double(self) } }
extension Float: StoredScalar { @inline(__always) var asDouble: Double { Double(self) } }
extension Double: StoredScalar { @inline(__always) var asDouble: Double { self } }

/// An operation on voxels of a stored type that is known only after the header is read.
protocol StoredVisitor {
    associatedtype Result
    func visit<Stored: StoredScalar>(_ voxels: UnsafeBufferPointer<Stored>) -> Result
}

private struct ScaledValue: StoredVisitor {
    var image: StoredScan
    var offset: Int

    func visit<Stored: StoredScalar>(_ voxels: UnsafeBufferPointer<Stored>) -> Double {
        let stored = voxels[offset].asDouble
        guard let scaling = image.scaling else { return stored }
        return stored * scaling.slope + scaling.inter
    }
}
