import COpenCL
import Foundation
internal import SegBackend
internal import Synchronization

/// Host memory that the device reads directly, without a copy by the driver: buffers allocated by the driver, pinned if
/// possible, mapped once, and reused when the transfer from them has finished.
final class OpenCLStaging: Sendable {
    /// A mapped buffer.
    struct Block: @unchecked Sendable {
        fileprivate let buffer: OpenCLHandle
        let memory: UnsafeMutableRawPointer
        fileprivate let size: Int
        fileprivate var isBusyUntil: OpenCLHandle?
    }

    private let context: OpenCLHandle
    private let queue: OpenCLHandle
    private let blocks = Mutex<[Block]>([])

    /// The maximum size of a transfer through a block, and the maximum size of all blocks together.
    private static let (largest, most) = (64 << 20, 128 << 20)

    init(context: OpenCLHandle, queue: OpenCLHandle) {
        self.context = context
        self.queue = queue
    }

    /// Unmaps all blocks; the queue must be empty.
    func release() {
        blocks.withLock { blocks in
            for block in blocks {
                if let event = block.isBusyUntil { clReleaseEvent(event.pointer) }
                clEnqueueUnmapMemObject(queue.pointer, block.buffer.pointer, block.memory, 0, nil, nil)
            }
            clFinish(queue.pointer)
            for block in blocks { clReleaseMemObject(block.buffer.pointer) }
            blocks.removeAll()
        }
    }

    /// A block of at least this size that no transfer uses; nil if the caller should use its own memory.
    func take(_ byteCount: Int) -> Block? {
        guard byteCount <= Self.largest else { return nil }
        let size = max(1 << 12, 1 << (Int.bitWidth - (byteCount - 1).leadingZeroBitCount))
        return blocks.withLock { blocks in
            let free = blocks.firstIndex { $0.size == size && Self.isDone($0) }
            if let free {
                let block = blocks.remove(at: free)
                if let event = block.isBusyUntil { clReleaseEvent(event.pointer) }
                return Block(buffer: block.buffer, memory: block.memory, size: size, isBusyUntil: nil)
            }
            guard blocks.map(\.size).reduce(size, +) <= Self.most else { return nil }
            return make(size)
        }
    }

    /// Puts a block back. A transfer may use the block until the event; this object releases the event later.
    func giveBack(_ block: Block, after event: OpenCLHandle?) {
        var block = block
        block.isBusyUntil = event
        blocks.withLock { $0.append(block) }
    }

    private func make(_ size: Int) -> Block? {
        var status: Int32 = 0
        let flags = cl_mem_flags(CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR)
        guard let buffer = clCreateBuffer(context.pointer, flags, size, nil, &status), status == CL_SUCCESS else {
            return nil
        }
        // Mapping waits for the queue, once for each block.
        let access = cl_map_flags(CL_MAP_READ | CL_MAP_WRITE)
        guard
            let memory = clEnqueueMapBuffer(
                queue.pointer, buffer, cl_bool(CL_TRUE), access, 0, size, 0, nil, nil, &status),
            status == CL_SUCCESS
        else {
            clReleaseMemObject(buffer)
            return nil
        }
        return Block(buffer: OpenCLHandle(buffer), memory: memory, size: size, isBusyUntil: nil)
    }

    private static func isDone(_ block: Block) -> Bool {
        guard let event = block.isBusyUntil else { return true }
        var state: Int32 = 0
        let field = cl_event_info(CL_EVENT_COMMAND_EXECUTION_STATUS)
        let status = clGetEventInfo(event.pointer, field, MemoryLayout<Int32>.size, &state, nil)
        return status == CL_SUCCESS && state <= CL_COMPLETE
    }
}
