internal import SegBackend

extension Activation {
    /// The activation's number in common/activation.cl, and its parameter.
    var arguments: [KernelArgument] { [.int(entry.number), .float(entry.parameter?.value ?? 0)] }
}

extension DropoutParams? {
    /// The `DROPOUT_ARGUMENTS` of common/philox.cl.
    var arguments: [KernelArgument] {
        guard let dropout = self else {
            return [.int(0), .uint(0), .uint(0), .uint(0), .uint(0), .uint(0), .float(1)]
        }
        return [
            .int(dropout.channelwise ? 2 : 1), .uint(UInt32(truncatingIfNeeded: dropout.seed)),
            .uint(UInt32(truncatingIfNeeded: dropout.seed >> 32)), .uint(dropout.layer), .uint(dropout.pass),
            .uint(dropout.threshold), .float(dropout.scale),
        ]
    }
}
