package import SegBackend
package import SegCore
internal import Synchronization

/// The kind and the settings of an op; the tensor function of the same name documents it. Each case lists its operands.
package enum RecordedOp: Sendable {
    /// Numbers that were copied to the backend; no operands.
    case constant([Float])
    /// A mask: 0 between positions with the same number, −100 between others. There is one number per position of each window.
    case regionMask([[Int]])
    /// Input, weight, and bias if there is one.
    case conv3d(Conv3dParams)
    /// Input, weight, and bias if there is one.
    case convTranspose3d(Conv3dParams, outputPadding: Triple)
    /// Input, weight, and bias if there is one.
    case linear
    /// Input, weight, bias, slope, residual before and residual after the activation, given mean and variance; all but
    /// the input are optional.
    case normActivate(NormParams, Activation)
    /// Input, and slope if there is one.
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
    /// Queries, keys and values in one array, then bias and mask if there are any.
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

/// The tensor ops of a pass in the order they were computed. Files of a network, such as ONNX, are written from them.
///
/// An op is recorded as it was called, even on a backend that computes nothing. The calls to a backend contain less: a
/// concatenation arrives as copies of fixed size, an attention in blocks, and a result may overwrite an operand.
package final class OpRecording: Sendable {
    /// One op.
    package struct Entry: Sendable {
        /// The name of the tensor function.
        package let name: String
        /// The kind and the settings of the op; nil for an op without a description.
        package let op: RecordedOp?
        /// The arrays that the op reads; nil for an operand that is absent.
        package let operands: [BufferView?]
        /// The array that the op writes; it may share its memory with an operand that nothing else reads.
        package let result: BufferView
    }

    @TaskLocal private static var current: OpRecording?

    /// The entries keep their arrays alive; therefore no two arrays of a recording have the same identity.
    private let entries = Mutex<[Entry]>([])

    /// Runs a pass and returns its result and its ops.
    /// - Throws: The errors of the pass.
    package static func record<Result>(_ pass: () throws -> Result) rethrows -> (result: Result, ops: [Entry]) {
        let recording = OpRecording()
        let result = try $current.withValue(recording) { try pass() }
        return (result, recording.entries.withLock { $0 })
    }

    /// Adds an op to the recording of this task, if there is one.
    static func add(
        _ name: String, _ op: @autoclosure () -> RecordedOp?, of operands: @autoclosure () -> [BufferView?],
        result: BufferView
    ) {
        guard let current else { return }
        let entry = Entry(name: name, op: op(), operands: operands(), result: result)
        current.entries.withLock { $0.append(entry) }
    }
}
