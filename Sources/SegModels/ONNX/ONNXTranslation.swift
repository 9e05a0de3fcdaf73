internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

/// The translation of a recorded forward pass to ONNX nodes.
///
/// A volume has five axes: channels last in MedSeg, channels first in ONNX. All other arrays have the same axes in
/// both. A value keeps the axis order of the node that computes it, and is transposed if another node needs the other
/// order. No node contains the batch size.
struct ONNXTranslation {
    /// The position of a volume's channel axis.
    enum Axes {
        /// `[N, C, D, H, W]`.
        case channelsFirst
        /// `[N, D, H, W, C]`, and every array that is not a volume.
        case channelsLast
    }

    /// The identity of an array in the recording; one buffer may hold a value under several shapes.
    private struct Place: Hashable {
        let memory: ObjectIdentifier
        let offset: Int
        let shape: Shape

        init(_ view: BufferView) {
            (memory, offset, shape) = (view.identity, view.offset, view.shape)
        }
    }

    /// The reason why a pass cannot be translated.
    struct Refusal: Error {
        let reason: String
    }

    var graph = ONNXGraph()
    private var values: [Place: [Axes: ONNXValue]] = [:]
    private var constants: [Place: [Float]] = [:]
    private let parameters: [ObjectIdentifier: Parameter]

    private init(_ store: ParameterStore) {
        let own = store.parameters.map { ($0.leaf.view.identity, $0) }
        parameters = Dictionary(own) { first, _ in first }
    }

    /// Returns the graph of a network's inference on patches of a size: from the value `image` to the value `logits`.
    /// - Throws: `DataError` if the network does not accept the size, or if an op has no counterpart in ONNX.
    static func graph(of definition: NetworkDefinition, size: Triple) throws -> ONNXGraph {
        do {
            let backend = DryRunBackend(scalar: .f32)
            let (pass, ops) = try OpRecording.record {
                let network = try definition.build(into: ParameterStore(counting: backend))
                let shape = Shape(batch: 1, size: size, channels: network.inputChannels)
                let image = Tensor(try backend.allocate(shape, .f32), on: backend)
                return (store: network.store, image: image, logits: try network(image, in: .inference))
            }
            var translation = ONNXTranslation(pass.store)
            translation.set(pass.image.view, .channelsFirst, ONNXValue(name: "image"))
            for entry in ops { try translation.translate(entry) }
            translation.graph.output("logits", try translation.value(pass.logits.view, .channelsFirst))
            return translation.graph
        } catch let refusal as TensorError {
            throw DataError(.badData, definition.source, "cannot be run on a patch of \(size): \(refusal)")
        } catch let refusal as Refusal {
            throw DataError(.badData, definition.source, "cannot be written as ONNX: \(refusal.reason)")
        }
    }

    // MARK: Values

    private static func isVolume(_ view: BufferView) -> Bool { view.shape.rank == 5 }

    /// Returns an array in an axis order; a volume that exists only in the other order is transposed.
    mutating func value(_ view: BufferView, _ axes: Axes) throws -> ONNXValue {
        let place = Place(view)
        let held = try values[place] ?? [.channelsLast: leaf(view, shape: view.shape.dimensions)]
        if let value = held[axes] { return value }
        guard let other = held.values.first, Self.isVolume(view) else {
            throw Refusal(reason: "an array of \(view.shape) has no channels-first order")
        }
        let order = axes == .channelsFirst ? [0, 4, 1, 2, 3] : [0, 2, 3, 4, 1]
        let transposed = graph.node("Transpose", [other], [.ints("perm", order)])
        values[place] = held.merging([axes: transposed]) { $1 }
        return transposed
    }

    /// Returns a parameter or a constant in the shape that ONNX requires.
    mutating func leaf(_ view: BufferView, shape: [Int]) throws -> ONNXValue {
        let place = Place(view)
        if let constant = constants[place] {
            return graph.floats("constant_\(graph.arrays.count)", constant, shape: shape)
        }
        guard let parameter = parameters[place.memory], parameter.shape == view.shape, view.offset == 0 else {
            throw Refusal(reason: "an array of \(view.shape) comes from outside the network")
        }
        return graph.parameter(parameter.name, shape: shape)
    }

    /// Whether a value is a constant.
    func isConstant(_ view: BufferView) -> Bool { constants[Place(view)] != nil }

    /// Sets the value of an array and forgets its previous value.
    mutating func set(_ view: BufferView, _ axes: Axes, _ value: ONNXValue) {
        values[Place(view)] = [Self.isVolume(view) ? axes : .channelsLast: value]
    }

    /// Sets the constant numbers of an array.
    mutating func setConstant(_ view: BufferView, _ numbers: [Float]) { constants[Place(view)] = numbers }

    /// Returns the axis order in which an op on several arrays needs the fewest transpositions.
    func cheapestAxes(_ views: [BufferView]) -> Axes {
        guard views.allSatisfy(Self.isVolume) else { return .channelsLast }
        func count(_ axes: Axes) -> Int { views.filter { values[Place($0)]?[axes] != nil }.count }
        return count(.channelsFirst) >= count(.channelsLast) ? .channelsFirst : .channelsLast
    }

    /// Returns an array in MedSeg's own axis order.
    mutating func asIs(_ view: BufferView) throws -> ONNXValue { try value(view, .channelsLast) }
}
