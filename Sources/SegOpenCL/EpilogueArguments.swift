internal import SegBackend

extension Activation {
    /// Number and parameter in common/activation.cl; PReLU is leaky ReLU with slopes of its own.
    var arguments: [KernelArgument] {
        switch self {
        case .identity: [.int(0), .float(0)]
        case .relu: [.int(1), .float(0)]
        case .leakyReLU(let slope): [.int(2), .float(slope)]
        case .prelu: [.int(2), .float(0)]
        case .elu(let alpha): [.int(3), .float(alpha)]
        case .gelu: [.int(4), .float(0)]
        case .sigmoid: [.int(5), .float(0)]
        }
    }
}

extension DropoutParams? {
    /// `DROPOUT_ARGUMENTS` of common/philox.cl.
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
