internal import SegBackend
public import SegCore
public import SegNN
internal import SegTensor

/// The interface of a network, found by building it from shapes alone: no memory is allocated for its parameters.
public struct NetworkOutline: Hashable, Sendable {
    /// The number of input channels.
    public let inputChannels: Int
    /// The number of classes, including background.
    public let outputChannels: Int
    /// The divisor of an input's size along each axis: the size must be a multiple of it.
    public let sizeDivisor: Triple
    /// The only size that an input may have; nil for any.
    public let requiredSize: Triple?
    /// Whether the network processes slices across the last axis one by one (`spatial_dims` 2); windows then have size
    /// 1 along it.
    public let isPlanar: Bool
    /// The largest dropout probability of the network; 0 without dropout.
    public let dropout: Double
    /// The number of values in all parameters and buffers together.
    public let numbers: Int
    /// The size of the largest array in bytes.
    let largestBytes: Int

    /// Creates the outline of a network.
    /// - Throws: `DataError` if the network cannot be built.
    init(_ definition: NetworkDefinition) throws {
        let network = try definition.build(into: ParameterStore(counting: DryRunBackend(scalar: .f32)))
        (inputChannels, outputChannels) = (network.inputChannels, network.outputChannels)
        (sizeDivisor, requiredSize) = (network.sizeDivisor, network.requiredSize)
        isPlanar = network.store.isPlanar
        dropout = network.dropoutProbability.decimal
        let counts = network.store.parameters.map(\.shape.count)
        numbers = counts.reduce(0, +)
        largestBytes = 4 * (counts.max() ?? 0)
    }
}

extension NetworkDefinition {
    /// Returns the interface of the network.
    /// - Throws: `DataError` if the network cannot be built.
    public func outline() throws -> NetworkOutline { try NetworkOutline(self) }

    /// Runs the network on shapes alone, without computing, to find layers that refuse the input.
    ///
    /// **Shapes**: input `[batch, size, inputChannels]`.
    /// - Throws: `TensorError` if a layer refuses the input, such as a norm over a single value.
    public func rehearse(size: Triple, batch: Int, mode: ForwardContext.Mode) throws {
        let backend = DryRunBackend(scalar: .f32)
        let network = try build(into: ParameterStore(counting: backend))
        let input = try backend.allocate(Shape(batch: batch, size: size, channels: network.inputChannels), .f32)
        _ = try network(Tensor(input, on: backend), in: ForwardContext(mode: mode, seed: 0, pass: 0))
    }

    /// The peak memory, in bytes, of inference of one window of 32-bit floats: input, activations and output, without the
    /// parameters. Nothing is computed.
    /// - Throws: `TensorError` if the window does not fit the network.
    package func inferenceBytes(size: Triple) throws -> Int {
        let backend = DryRunBackend(scalar: .f32)
        let network = try build(into: ParameterStore(counting: backend))
        let held = backend.memory.live
        backend.resetMemoryPeak()
        let input = try backend.allocate(Shape(batch: 1, size: size, channels: network.inputChannels), .f32)
        _ = try network(Tensor(input, on: backend), in: .inference)
        return backend.memory.peak - held
    }

    /// Refuses a network that does not fit in this machine's free memory, before any memory is allocated.
    func checkFits() throws {
        let outline = try outline()
        try FreeMemory.check(
            arrays: outline.largestBytes, tensors: 4 * outline.numbers, subject: source,
            for: "the network of \(outline.numbers) parameters", advice: "use a network with fewer channels")
    }
}
