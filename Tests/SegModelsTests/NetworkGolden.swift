import SegBackend
import SegCore
import SegModels
import SegNN
import SegTensor
import SegTestNeeds
import SegWeights
import Testing

/// MONAI's results for one small network; `Tests/Golden/models.py` writes them.
struct NetworkGolden: Decodable, Sendable {
    struct Entry: Decodable, Sendable {
        let name: String
        let shape: [Int]

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            name = try container.decode(String.self)
            shape = try container.decode([Int].self)
        }
    }

    let network_def: ConfigValue
    let input: [Int]
    let state: [Entry]
    let parameters: Int
    let eval: [Double]
    let train: [[Double]]
    let loss: Double
    /// The norm, and the projection on the formula.
    let gradients: [String: [Double]]

    private struct File: Decodable {
        let networks: [String: NetworkGolden]
    }

    static func named(_ name: String) throws -> NetworkGolden {
        try #require(try GoldenFile("models.json").decoded(as: File.self).networks[name])
    }

    /// Builds the network with the formula's weights.
    func network(on backend: any Backend) throws -> any Network {
        let network = try NetworkDefinition(network_def, source: "models.json").makeNetwork(on: backend, seed: 0)
        for (stream, parameter) in streams(network) {
            let shape = parameter.shape.dimensions
            let numbers = Self.formula(stream: stream, count: parameter.shape.count)
            if shape.count > 1 {
                let fan = Double(parameter.shape.count) / Double(shape[0])
                try parameter.set(numbers.map { Float($0 * 2 * (3 / fan).squareRoot()) })
            } else if parameter.name.hasSuffix("weight") || parameter.name.hasSuffix("running_var") {
                try parameter.set(numbers.map { Float(1 + 0.5 * $0) })
            } else {
                try parameter.set(numbers.map { Float(0.2 * $0) })
            }
        }
        return network
    }

    /// The parameters with their index in the order of names.
    func streams(_ network: any Network) -> [(Int, Parameter)] {
        network.store.parameters.sorted { $0.name < $1.name }.enumerated().map { ($0, $1) }
    }

    /// Numbers in −0.5 ..< 0.5 from a hash of (stream, index).
    static func formula(stream: Int, count: Int) -> [Double] {
        (0..<count).map { index in
            var h = UInt32(truncatingIfNeeded: index) &* 2_654_435_761 &+ UInt32(truncatingIfNeeded: stream) &* 40503
            h ^= h >> 15
            h = h &* 2_246_822_519
            h ^= h >> 13
            return Double(h) / 4_294_967_296 - 0.5
        }
    }

    /// The input, and the labels made from its first channel.
    func data(on backend: any Backend) throws -> (x: Tensor, labels: Tensor) {
        let (batch, channels) = (input[0], input[1])
        let positions = input[2...].reduce(1, *)
        let classes = try #require(train.first).isEmpty ? 0 : outputChannels
        let first = Self.formula(stream: 99991, count: batch * channels * positions).map { Float($0 + 0.5) }
        var (last, labels): ([Float], [Int32]) = ([], [])
        for n in 0..<batch {
            for position in 0..<positions {
                for c in 0..<channels { last.append(first[(n * channels + c) * positions + position]) }
                labels.append(Int32(Double(first[n * channels * positions + position]) * Double(classes)))
            }
        }
        // A slice is a volume of one voxel along the last axis.
        let space = input[2...] + [Int](repeating: 1, count: 5 - input.count)
        return (
            try Tensor(last, shape: Shape([batch] + space + [channels]), on: backend),
            try Tensor(labels: labels, shape: Shape([batch] + space), on: backend)
        )
    }

    private var outputChannels: Int {
        guard case .object(let entries) = network_def else { return 0 }
        // VISTA3D's classes, and the background.
        if case .array(let classes)? = entries["class_vector"] { return classes.count + 1 }
        return (entries["out_channels"] ?? entries["num_classes"])?.wholeNumber ?? 0
    }

    /// About 24 values of an output, in PyTorch's order.
    static func sample(_ output: Tensor) throws -> [Double] {
        let values = try output.doubles()
        let (positions, channels) = (output.shape.positions, output.shape.channels)
        return stride(from: 0, to: values.count, by: max(1, values.count / 24)).map { flat in
            let (n, c, position) = (
                flat / (channels * positions), flat / positions % channels, flat % positions
            )
            return values[(n * positions + position) * channels + c]
        }
    }
}

/// ‖a − b‖ / ‖b‖.
func relativeError(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (difference / b.reduce(0) { $0 + $1 * $1 }).squareRoot()
}
