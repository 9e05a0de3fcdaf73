internal import Dispatch
internal import Foundation

/// Runs a body over 0..<count in contiguous ranges on all cores; results must not depend on the split.
public func concurrently(_ count: Int, _ body: @Sendable (Range<Int>) -> Void) {
    // More ranges than cores even out ranges of unequal cost.
    let ranges = min(count, max(32, 2 * ProcessInfo.processInfo.activeProcessorCount))
    guard ranges > 1 else { return body(0..<count) }
    DispatchQueue.concurrentPerform(iterations: ranges) { part in
        body(part * count / ranges..<(part + 1) * count / ranges)
    }
}
