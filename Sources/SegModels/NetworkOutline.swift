internal import SegBackend
public import SegCore
public import SegNN
internal import SegTensor

/// What a network is from outside, found by building it of extents alone: no memory is taken for its parameters.
public struct NetworkOutline: Hashable, Sendable {
    /// Channels of the input.
    public let inputChannels: Int
    /// Classes, background included.
    public let outputChannels: Int
    /// An input's extents must be multiples of these.
    public let sizeDivisor: Triple
    /// The only extents an input may have; nil for any.
    public let requiredSize: Triple?
    /// Whether it sees the slices across the last axis one by one (`spatial_dims` 2), so that windows have 1 there.
    public let isPlanar: Bool
    /// Numbers of the parameters and buffers together.
    public let numbers: Int
    /// Bytes of the largest array.
    let largestBytes: Int

    /// Outlines a network.
    /// - Throws: `DataError` where it cannot be built.
    init(_ definition: NetworkDefinition) throws {
        let network = try definition.build(into: ParameterStore(counting: DryRunBackend(scalar: .f32)))
        (inputChannels, outputChannels) = (network.inputChannels, network.outputChannels)
        (sizeDivisor, requiredSize) = (network.sizeDivisor, network.requiredSize)
        isPlanar = network.store.isPlanar
        let counts = network.store.parameters.map(\.shape.count)
        numbers = counts.reduce(0, +)
        largestBytes = 4 * (counts.max() ?? 0)
    }
}

extension NetworkDefinition {
    /// What the network is from outside.
    /// - Throws: `DataError` where it cannot be built.
    public func outline() throws -> NetworkOutline { try NetworkOutline(self) }

    /// Runs the network on extents alone, without computing, to find what refuses the input.
    ///
    /// **Shapes**: input `[batch, size, inputChannels]`.
    /// - Throws: `TensorError` where the network does not take it, such as a norm over a single value.
    public func rehearse(size: Triple, batch: Int, mode: ForwardContext.Mode) throws {
        let backend = DryRunBackend(scalar: .f32)
        let network = try build(into: ParameterStore(counting: backend))
        let input = try backend.allocate(Shape(batch: batch, size: size, channels: network.inputChannels), .f32)
        _ = try network(Tensor(input, on: backend), in: ForwardContext(mode: mode, seed: 0, pass: 0))
    }

    /// The most bytes that an inference of one window of 32-bit floats holds at once beside parameters: activations, input and
    /// output. Nothing is computed.
    /// - Throws: `TensorError` where the network does not take the window.
    package func inferenceBytes(size: Triple) throws -> Int {
        let backend = DryRunBackend(scalar: .f32)
        let network = try build(into: ParameterStore(counting: backend))
        let held = backend.memory.live
        backend.resetMemoryPeak()
        let input = try backend.allocate(Shape(batch: 1, size: size, channels: network.inputChannels), .f32)
        _ = try network(Tensor(input, on: backend), in: .inference)
        return backend.memory.peak - held
    }

    /// Refuses a network that this machine's free memory does not hold, before any of it is taken.
    func checkFits() throws {
        let outline = try outline()
        try FreeMemory.check(
            arrays: outline.largestBytes, tensors: 4 * outline.numbers, subject: source,
            for: "the network of \(outline.numbers) parameters", advice: "use one of fewer channels")
    }
}
