internal import Foundation
public import SegBackend
internal import SegTensor

/// The registry of a network's parameters while it is built, by path, as PyTorch nests modules.
///
/// `store.scope("model").scope("0").parameter("weight", …)` makes `model.0.weight`. All scopes share one list, one
/// generator of initial values and one dropout counter.
public final class ParameterStore {
    private final class Contents {
        var parameters: [Parameter] = []
        var counters: [Counter] = []
        var constants: [IntegerConstant] = []
        var aliases: [(path: String, module: String)] = []
        var dropoutCount: UInt32 = 0
        var isPlanar = false
        /// The generator of initial values; nil if parameters are only counted and have no values.
        var random: InitialValues?
        init(_ random: InitialValues?) { self.random = random }
    }

    /// The backend that holds the parameters.
    public let backend: any Backend
    private let path: String
    private let contents: Contents

    /// Creates an empty store.
    public init(backend: any Backend, seed: UInt64) {
        self.backend = backend
        self.path = ""
        self.contents = Contents(InitialValues(seed: seed))
    }

    /// Creates an empty store whose parameters have shapes but no values, for a backend that counts.
    public init(counting backend: any Backend) {
        self.backend = backend
        self.path = ""
        self.contents = Contents(nil)
    }

    private init(parent: ParameterStore, path: String) {
        self.backend = parent.backend
        self.path = path
        self.contents = parent.contents
    }

    /// The path of this scope's module, such as `model.0.conv.unit0.adn.N`; empty at the top.
    public var module: String { String(path.dropLast()) }

    /// Returns the scope of a submodule.
    public func scope(_ name: String) -> ParameterStore {
        ParameterStore(parent: self, path: path + name + ".")
    }

    /// Registers a trainable parameter.
    /// - Throws: `BackendError` if there is not enough memory.
    public func parameter(_ name: String, _ shape: Shape, _ initial: InitialValue) throws -> Parameter {
        try register(name, shape, initial, isTrained: true)
    }

    /// Registers values that are saved but not trained.
    /// - Throws: `BackendError` if there is not enough memory.
    public func buffer(_ name: String, _ shape: Shape, _ initial: InitialValue) throws -> Parameter {
        try register(name, shape, initial, isTrained: false)
    }

    /// Registers an integer that is saved, such as a batch norm's `num_batches_tracked`.
    public func counter(_ name: String) -> Counter {
        let counter = Counter(name: path + name)
        contents.counters.append(counter)
        return counter
    }

    /// Registers integers that the network's design determines: they are saved as PyTorch saves them, but never loaded.
    /// - Parameter values: Called when the integers are saved or compared; returns one integer for each element of the shape.
    public func constant(_ name: String, _ shape: Shape, _ values: @escaping @Sendable () -> [Int64]) {
        contents.constants.append(IntegerConstant(name: path + name, shape: shape, make: values))
    }

    /// Saves everything registered under `module` under `name` as well, as PyTorch does for a module with two owners.
    public func alias(_ name: String, of module: String) {
        contents.aliases.append((path + name + ".", path + module + "."))
    }

    /// Whether the network processes slices (`spatial_dims` 2). Its kernels have size 1 along the last axis in memory, and
    /// are saved without this axis.
    public var isPlanar: Bool {
        get { contents.isPlanar }
        set { contents.isPlanar = newValue }
    }

    /// Returns the shape with which PyTorch saves a parameter of this store.
    public func savedShape(of parameter: Parameter) -> [Int] {
        let shape = parameter.shape.dimensions
        return isPlanar && shape.count == 5 ? Array(shape.dropLast()) : shape
    }

    /// Returns the number of a new dropout layer.
    public func nextDropoutLayer() -> UInt32 {
        defer { contents.dropoutCount += 1 }
        return contents.dropoutCount
    }

    /// All parameters and buffers, in the order of PyTorch's `state_dict`.
    public var parameters: [Parameter] { contents.parameters }

    /// The registered counters.
    public var counters: [Counter] { contents.counters }

    /// The registered integer constants.
    public var constants: [IntegerConstant] { contents.constants }

    /// The second names of parameters and counters, with the first names.
    public var aliases: [(name: String, original: String)] {
        let names = contents.parameters.map(\.name) + contents.counters.map(\.name)
        return contents.aliases.flatMap { path, module in
            names.filter { $0.hasPrefix(module) }.map { (path + $0.dropFirst(module.count), $0) }
        }
    }

    /// The parameters that an optimiser changes.
    public var trained: [Parameter] { contents.parameters.filter(\.isTrained) }

    /// Excludes the parameters of parts of the network from training. A part is given by the beginning of its
    /// parameters' names, up to a dot: `model.0` matches `model.0.conv.weight` but not `model.01.weight`.
    ///
    /// Batch norms still measure their statistics, as in PyTorch if only `requires_grad` is false.
    /// - Returns: The names of the parts that contain no trainable parameter.
    public func freeze(_ parts: [String]) -> [String] {
        var strays = parts
        for parameter in contents.parameters where parameter.isTrained {
            guard parts.contains(where: parameter.isWithin) else { continue }
            strays.removeAll(where: parameter.isWithin)
            parameter.freeze()
        }
        return strays
    }

    private func register(
        _ name: String, _ shape: Shape, _ initial: InitialValue, isTrained: Bool
    ) throws -> Parameter {
        let values = try values(name, shape, initial)
        let parameter = Parameter(name: path + name, isTrained: isTrained, values: values)
        contents.parameters.append(parameter)
        return parameter
    }

    /// The maximum size of an array in bytes. A larger size is a typing error, and sums of such sizes could overflow.
    private static let mostBytes = 1 << 48

    private func values(_ name: String, _ shape: Shape, _ initial: InitialValue) throws -> Tensor {
        var bytes = 4
        for extent in shape.dimensions {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            bytes = overflow ? .max : product
        }
        guard contents.random != nil else {
            guard bytes <= Self.mostBytes else { throw tooLarge(name, bytes) }
            return Tensor(try backend.allocate(shape, backend.scalar), on: backend)
        }
        // The values are drawn in this machine's memory, for every backend.
        guard bytes < Int(clamping: ProcessInfo.processInfo.physicalMemory) else { throw tooLarge(name, bytes) }
        let drawn = contents.random?.values(initial, count: shape.count) ?? []
        return try Tensor(drawn, shape: shape, on: backend)
    }

    private func tooLarge(_ name: String, _ bytes: Int) -> BackendError {
        .outOfMemory(
            backend: backend.name, requested: bytes, held: 0,
            limit: backend.memoryLimit ?? Int(clamping: ProcessInfo.processInfo.physicalMemory),
            purpose: "parameter \(path + name)")
    }
}

/// An integer of a network's state.
public final class Counter {
    /// The name, such as `model.0.conv.unit0.adn.N.num_batches_tracked`.
    public let name: String
    /// The value.
    public var value: Int64 = 0

    init(name: String) { self.name = name }
}

/// Integers of a network's state that never change, such as a table of relative positions.
public struct IntegerConstant: Sendable {
    /// The name, such as `swinViT.layers1.0.blocks.0.attn.relative_position_index`.
    public let name: String
    /// The shape of the integers.
    public let shape: Shape
    let make: @Sendable () -> [Int64]

    /// The integers.
    public var values: [Int64] { make() }
}
