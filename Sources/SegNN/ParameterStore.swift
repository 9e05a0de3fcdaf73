internal import Foundation
public import SegBackend
internal import SegTensor

/// Where a network's parameters are registered while it is built, by path, as PyTorch nests modules.
///
/// `store.scope("model").scope("0").parameter("weight", …)` makes `model.0.weight`. Every scope shares one list, one
/// generator of initial values and one count of dropouts.
public final class ParameterStore {
    private final class Contents {
        var parameters: [Parameter] = []
        var counters: [Counter] = []
        var dropoutCount: UInt32 = 0
        var random: InitialValues
        init(seed: UInt64) { random = InitialValues(seed: seed) }
    }

    /// The backend that holds the parameters.
    public let backend: any Backend
    private let path: String
    private let contents: Contents

    /// Makes an empty store.
    public init(backend: any Backend, seed: UInt64) {
        self.backend = backend
        self.path = ""
        self.contents = Contents(seed: seed)
    }

    private init(parent: ParameterStore, path: String) {
        self.backend = parent.backend
        self.path = path
        self.contents = parent.contents
    }

    /// The store seen from one module further in.
    public func scope(_ name: String) -> ParameterStore {
        ParameterStore(parent: self, path: path + name + ".")
    }

    /// Registers a trained parameter.
    /// - Throws: `BackendError` where memory is short.
    public func parameter(_ name: String, _ shape: Shape, _ initial: InitialValue) throws -> Parameter {
        try register(name, shape, initial, isTrained: true)
    }

    /// Registers values that are saved but not trained.
    /// - Throws: `BackendError` where memory is short.
    public func buffer(_ name: String, _ shape: Shape, _ initial: InitialValue) throws -> Parameter {
        try register(name, shape, initial, isTrained: false)
    }

    /// Registers an integer that is saved, such as a batch norm's `num_batches_tracked`.
    public func counter(_ name: String) -> Counter {
        let counter = Counter(name: path + name)
        contents.counters.append(counter)
        return counter
    }

    /// A number for a new dropout layer.
    public func nextDropoutLayer() -> UInt32 {
        defer { contents.dropoutCount += 1 }
        return contents.dropoutCount
    }

    /// Everything registered, in the order of PyTorch's `state_dict`.
    public var parameters: [Parameter] { contents.parameters }

    /// The integers registered.
    public var counters: [Counter] { contents.counters }

    /// What an optimiser changes.
    public var trained: [Parameter] { contents.parameters.filter(\.isTrained) }

    private func register(
        _ name: String, _ shape: Shape, _ initial: InitialValue, isTrained: Bool
    ) throws -> Parameter {
        // The values are drawn in memory of this machine, whatever the backend.
        let (bytes, memory) = (shape.count * 4, ProcessInfo.processInfo.physicalMemory)
        guard bytes < memory else {
            throw BackendError.outOfMemory(
                backend: backend.name, requested: bytes, held: 0, limit: backend.memoryLimit ?? Int(memory))
        }
        let values = try Tensor(contents.random.values(initial, count: shape.count), shape: shape, on: backend)
        let parameter = Parameter(name: path + name, isTrained: isTrained, values: values)
        contents.parameters.append(parameter)
        return parameter
    }
}

/// An integer of a network's state.
public final class Counter {
    /// `model.0.conv.unit0.adn.N.num_batches_tracked`.
    public let name: String
    /// Its value.
    public var value: Int64 = 0

    init(name: String) { self.name = name }
}

/// What a parameter holds before training.
public enum InitialValue: Sendable {
    /// One value everywhere.
    case constant(Float)
    /// Uniform in ±bound.
    case uniform(bound: Float)
    /// PyTorch's default for a convolution's or linear layer's weight and bias: uniform in ±1/√fanIn.
    case fan(in: Int)
    /// Normal with mean 0, cut at two standard deviations.
    case truncatedNormal(sd: Float)
}

/// Deterministic initial values: the n-th parameter of a network is the same on every backend.
struct InitialValues {
    private let seed: UInt64
    private var stream: UInt32 = 0

    init(seed: UInt64) { self.seed = seed }

    mutating func values(_ initial: InitialValue, count: Int) -> [Float] {
        stream += 1
        switch initial {
        case .constant(let value): return [Float](repeating: value, count: count)
        case .uniform(let bound): return uniform(count).map { (2 * $0 - 1) * bound }
        case .fan(let fan): return uniform(count).map { (2 * $0 - 1) / Float(max(fan, 1)).squareRoot() }
        case .truncatedNormal(let sd): return truncatedNormal(count).map { $0 * sd }
        }
    }

    /// Numbers in 0 ..< 1 with 24 random bits.
    private func uniform(_ count: Int) -> [Float] {
        (0..<count).map { Float(word($0) >> 8) * 0x1p-24 }
    }

    /// The sum of twelve uniform numbers, less six, redrawn outside two standard deviations.
    private func truncatedNormal(_ count: Int) -> [Float] {
        (0..<count).map { index in
            for attempt in 0... {
                let value = (0..<12).reduce(Float(-6)) { sum, k in
                    sum + Float(word(((attempt * count) + index) * 12 + k) >> 8) * 0x1p-24
                }
                if abs(value) <= 2 { return value }
            }
            return 0
        }
    }

    private func word(_ index: Int) -> UInt32 {
        let words = Philox4x32.words(
            counter: (UInt32(truncatingIfNeeded: index / 4), UInt32(truncatingIfNeeded: index >> 34), stream, 0x1417),
            key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
        return [words.0, words.1, words.2, words.3][index % 4]
    }
}
