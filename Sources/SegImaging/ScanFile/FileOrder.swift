internal import SegCore

/// The order of voxels in files: axis 0 fastest.
enum FileOrder {
    /// The bytes of a header followed by the voxels, axis 0 fastest.
    static func bytes<Value: WritableVoxel>(
        _ voxels: [Value], size: Triple, after header: [UInt8] = []
    ) -> [UInt8] {
        let count = header.count + size.count * MemoryLayout<Value>.stride
        return [UInt8](unsafeUninitializedCapacity: count) { bytes, initialised in
            _ = bytes.initialize(from: header)
            nonisolated(unsafe) let output = UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(bytes)[header.count...]
            )
            .bindMemory(to: Value.self)
            voxels.withUnsafeBufferPointer { voxels in
                nonisolated(unsafe) let voxels = voxels
                // Tiles over i and k make both arrays use whole cache lines.
                let tile = 32
                concurrently((size.w + tile - 1) / tile) { tiles in
                    for firstK in tiles.map({ $0 * tile }) {
                        for firstI in stride(from: 0, to: size.d, by: tile) {
                            for j in 0..<size.h {
                                for k in firstK..<min(firstK + tile, size.w) {
                                    for i in firstI..<min(firstI + tile, size.d) {
                                        output[(k * size.h + j) * size.d + i] = voxels[(i * size.h + j) * size.w + k]
                                    }
                                }
                            }
                        }
                    }
                }
            }
            initialised = count
        }
    }
}
