internal import Dispatch

/// Runs a body over 0..<count in at most 32 contiguous ranges on all cores; results must not depend on the split.
public func concurrently(_ count: Int, _ body: @Sendable (Range<Int>) -> Void) {
    // More ranges than cores even out ranges of unequal cost. A machine with more than 32 cores leaves the others idle.
    let ranges = min(count, 32)
    guard ranges > 1 else { return body(0..<count) }
    DispatchQueue.concurrentPerform(iterations: ranges) { part in
        body(part * count / ranges..<(part + 1) * count / ranges)
    }
}
