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
        var constants: [IntegerConstant] = []
        var aliases: [(path: String, module: String)] = []
        var dropoutCount: UInt32 = 0
        var isPlanar = false
        /// Nil where parameters are counted and have no values.
        var random: InitialValues?
        init(_ random: InitialValues?) { self.random = random }
    }

    /// The backend that holds the parameters.
    public let backend: any Backend
    private let path: String
    private let contents: Contents

    /// Makes an empty store.
    public init(backend: any Backend, seed: UInt64) {
        self.backend = backend
        self.path = ""
        self.contents = Contents(InitialValues(seed: seed))
    }

    /// Makes an empty store of parameters that have extents alone, for a backend that counts.
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

    /// The path of the module that this store is seen from, such as `model.0.conv.unit0.adn.N`; empty at the top.
    public var module: String { String(path.dropLast()) }

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

    /// Registers integers that the network's design fixes: saved as PyTorch saves them, never read back.
    /// - Parameter values: Makes them when they are saved or compared; as many as the shape has.
    public func constant(_ name: String, _ shape: Shape, _ values: @escaping @Sendable () -> [Int64]) {
        contents.constants.append(IntegerConstant(name: path + name, shape: shape, make: values))
    }

    /// Has everything registered under `module` saved under `name` as well, as PyTorch does for a module that two hold.
    public func alias(_ name: String, of module: String) {
        contents.aliases.append((path + name + ".", path + module + "."))
    }

    /// Whether the network is one of slices, `spatial_dims` 2: its kernels have 1 along the last axis here, and are saved
    /// without it.
    public var isPlanar: Bool {
        get { contents.isPlanar }
        set { contents.isPlanar = newValue }
    }

    /// The extents under which PyTorch saves a parameter of this store.
    public func savedShape(of parameter: Parameter) -> [Int] {
        let shape = parameter.shape.dimensions
        return isPlanar && shape.count == 5 ? Array(shape.dropLast()) : shape
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

    /// The fixed integers registered.
    public var constants: [IntegerConstant] { contents.constants }

    /// Second names of parameters and counters, with the first.
    public var aliases: [(name: String, original: String)] {
        let names = contents.parameters.map(\.name) + contents.counters.map(\.name)
        return contents.aliases.flatMap { path, module in
            names.filter { $0.hasPrefix(module) }.map { (path + $0.dropFirst(module.count), $0) }
        }
    }

    /// What an optimiser changes.
    public var trained: [Parameter] { contents.parameters.filter(\.isTrained) }

    /// Keeps the parameters of parts of the network from training. A part is named by the beginning of its parameters'
    /// names, up to a point: `model.0` is `model.0.conv.weight` and not `model.01.weight`.
    ///
    /// The statistics of batch norms go on being measured, as in PyTorch where only `requires_grad` is false.
    /// - Returns: The names of parts that hold no trained parameter.
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

    /// An array of more bytes is a typing error, and sums of such sizes could not be counted.
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
        // The values are drawn in memory of this machine, whatever the backend.
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
    /// `model.0.conv.unit0.adn.N.num_batches_tracked`.
    public let name: String
    /// Its value.
    public var value: Int64 = 0

    init(name: String) { self.name = name }
}

/// Integers of a network's state that nothing changes, such as a table of relative positions.
public struct IntegerConstant: Sendable {
    /// `swinViT.layers1.0.blocks.0.attn.relative_position_index`.
    public let name: String
    /// Extents.
    public let shape: Shape
    let make: @Sendable () -> [Int64]

    /// The integers.
    public var values: [Int64] { make() }
}
