import SegBackend
import SegCore
import SegOpCases
import SegTestNeeds
import Testing

/// A recorded op: its tensors and options by name.
struct Golden: Decodable, Sendable {
    struct Tensor: Decodable, Sendable {
        let shape: [Int]
        let values: [Double]
    }

    let tensors: [String: Tensor]
    private let options: [String: [Double]]

    /// All ops of `Tests/Golden/reference_ops.json`, as PyTorch and MONAI compute them in float64.
    static let all: Result<[String: Golden], any Error> = Result { try GoldenFile("reference_ops.json").decoded() }

    /// The names of the recorded ops with a prefix.
    static func names(_ prefix: String) -> [String] {
        ((try? all.get()) ?? [:]).keys.filter { $0.hasPrefix(prefix) }.sorted()
    }

    static func named(_ name: String) throws -> Golden { try #require(try all.get()[name]) }

    func tensor(_ name: String) throws -> Tensor { try #require(tensors[name]) }

    func number(_ name: String) throws -> Double { try #require(options[name]?.first) }

    func triple(_ name: String) throws -> Triple { Triple(try #require(options[name]).map { Int($0) }) }

    var conv: Conv3dParams {
        get throws {
            Conv3dParams(
                kernel: try triple("kernel"), stride: try triple("stride"), padding: try triple("padding"),
                dilation: try triple("dilation"), groups: Int(try number("groups")))
        }
    }

    /// A recorded tensor on the reference backend.
    func load(_ name: String, _ arrays: ReferenceArrays) throws -> BufferView {
        let tensor = try tensor(name)
        return try arrays.array(Shape(tensor.shape), tensor.values)
    }

    /// An array of a recorded tensor's shape, to be overwritten.
    func empty(_ name: String, _ arrays: ReferenceArrays) throws -> BufferView {
        try arrays.empty(Shape(try tensor(name).shape))
    }

    /// An array of a recorded tensor's shape, to be added to.
    func zeros(_ name: String, _ arrays: ReferenceArrays) throws -> BufferView {
        try arrays.zeros(Shape(try tensor(name).shape))
    }

    /// Checks that a result equals the recorded one.
    func expect(
        _ view: BufferView, is name: String, _ arrays: ReferenceArrays,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let (result, expected) = (try arrays.values(view), try tensor(name))
        try #require(view.shape.dimensions == expected.shape, "\(name)", sourceLocation: sourceLocation)
        let error = ResultError(result, expected: expected.values)
        #expect(
            error.isWithin(.double), "\(name) is off by \(error.relative) (relative L2)",
            sourceLocation: sourceLocation)
    }
}
