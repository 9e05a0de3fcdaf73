package import SegBackend
package import SegCore
internal import Synchronization

/// What an op computes beyond what its operands and their shapes say; the tensor function of the same name says the rest.
package enum RecordedOp: Sendable {
    /// Numbers that were copied to the backend; no operands.
    case constant([Float])
    /// 0 between positions of the same number, −100 between others: a number for each position of each window.
    case regionMask([[Int]])
    /// Input, weight, and bias where there is one.
    case conv3d(Conv3dParams)
    /// Input, weight, and bias where there is one.
    case convTranspose3d(Conv3dParams, outputPadding: Triple)
    /// Input, weight, and bias where there is one.
    case linear
    /// Input, weight, bias, slope, residual before and after the activation, given mean and variance, all but the
    /// first where they are there.
    case normActivate(NormParams, Activation)
    /// Input, and slope where there is one.
    case activate(Activation)
    /// Two summands.
    case add
    /// Two factors.
    case multiply
    /// Input.
    case maxPool3d(Pool3dParams)
    /// Input.
    case reshape
    /// Inputs.
    case concatenate
    /// Queries, keys and values in one, then bias and mask where they are there.
    case selfAttention(heads: Int, scale: Float)
    /// Input.
    case windowPartition(window: Triple, shift: Triple)
    /// Windows.
    case windowReverse(window: Triple, shift: Triple)
    /// Input.
    case resample3d(Resample3dParams)
    /// Input.
    case crop
    /// Input.
    case transposeColumns
    /// Input.
    case toeplitz
    /// Input.
    case joinCorners([Triple])
}

/// The tensor ops of a pass in the order they were computed: what a file of a network is written from.
///
/// An op is recorded as it was called, on a backend that computes nothing too. A backend sees less: a concatenation
/// reaches it as copies of fixed extents, an attention in blocks, and a result may overwrite an operand.
package final class OpRecording: Sendable {
    /// One op.
    package struct Entry: Sendable {
        /// The tensor function.
        package let name: String
        /// What it computes; nil for an op without a description.
        package let op: RecordedOp?
        /// What it reads; nil for an operand that is absent.
        package let operands: [BufferView?]
        /// What it makes, which may lie where an operand did that nothing else reads.
        package let result: BufferView
    }

    @TaskLocal private static var current: OpRecording?

    /// Entries hold their arrays, so that no two arrays of a recording have one identity.
    private let entries = Mutex<[Entry]>([])

    /// Runs a pass and returns its ops beside its result.
    /// - Throws: What the pass throws.
    package static func record<Result>(_ pass: () throws -> Result) rethrows -> (result: Result, ops: [Entry]) {
        let recording = OpRecording()
        let result = try $current.withValue(recording) { try pass() }
        return (result, recording.entries.withLock { $0 })
    }

    /// Adds an op to the recording of this task, where there is one.
    static func add(
        _ name: String, _ op: @autoclosure () -> RecordedOp?, of operands: @autoclosure () -> [BufferView?],
        result: BufferView
    ) {
        guard let current else { return }
        let entry = Entry(name: name, op: op(), operands: operands(), result: result)
        current.entries.withLock { $0.append(entry) }
    }
}
