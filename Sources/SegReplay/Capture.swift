internal import Foundation
internal import SegBackend
internal import SegCore
internal import SegModels
internal import SegOpCases
internal import SegTensor
internal import SegWeights

/// A file with the inputs, outputs and gradients that PyTorch and MONAI have computed, in PyTorch's layouts.
///
/// The names of tensors begin with `in.`, `out.`, `gout.` (upstream gradient of an output), `gin.` (gradient of an input),
/// `param.`, `gparam.` (gradient of a parameter) or `after.` (parameter after the training steps). The metadata entry
/// `capture` gives the op or network and its arguments.
public struct Capture {
    /// The kind of computation that was recorded.
    public enum Kind: String {
        /// One op.
        case op
        /// A network's outputs, loss and gradients.
        case model
        /// A few optimiser steps of a network.
        case training
        /// The metrics of a prediction.
        case metric
    }

    /// The path of the file.
    public let path: String
    let kind: Kind
    let op: String
    let arguments: ConfigReader
    let networkDefinition: ConfigValue?
    private let tensors: [String: StoredTensor]

    /// Reads a capture.
    /// - Throws: `DataError` naming the file if it is not a capture, or if its kind cannot be replayed.
    public init(file path: String) throws {
        let file = try Safetensors(file: path)
        guard let text = file.metadata["capture"],
            let description = try? ConfigValue(json: Array(text.utf8), from: path)
        else { throw DataError(.badData, path, "is not a capture: its metadata has no JSON entry 'capture'") }
        let reader = try ConfigReader(description, path: "capture", source: path)
        let kindName = try reader.required("kind", reader.string("kind"))
        guard let kind = Kind(rawValue: kindName) else {
            throw reader.error("kind", "'\(kindName)' is not supported; supported: op, model, training, metric")
        }
        self.path = path
        self.kind = kind
        op = try reader.required("op", reader.string("op"))
        arguments = try reader.required("params", reader.object("params"))
        networkDefinition = reader.value("network_def")
        tensors = file.tensors
    }

    /// Returns the names that begin with a prefix, without the prefix, sorted.
    func names(_ prefix: String) -> [String] {
        tensors.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    /// Returns a recorded array.
    func tensor(_ name: String) throws -> StoredTensor {
        guard let tensor = tensors[name] else { throw DataError(.badData, path, key: name, "is not in the capture") }
        return tensor
    }

    /// Returns the arrays under a prefix, by the rest of their names.
    func tensors(_ prefix: String) throws -> [String: StoredTensor] {
        Dictionary(uniqueKeysWithValues: try names(prefix).map { ($0, try tensor(prefix + $0)) })
    }
}

/// The comparison of one tensor.
public struct Comparison: Sendable {
    /// The name of the tensor in the capture.
    public let name: String
    /// ‖ours − theirs‖ / ‖theirs‖; NaN if theirs is zero except for rounding.
    public let relativeError: Double
    /// The maximum of |ours − theirs|.
    public let largestError: Double
    /// The limit of `relativeError`; if theirs is zero, the limit of `largestError`.
    public let tolerance: Double

    /// Whether ours and theirs agree.
    public var isOK: Bool { (relativeError.isNaN ? largestError : relativeError) <= tolerance }

    /// Compares two values of a metric; they are equal if both are NaN or the same infinity.
    init(_ name: String, metric ours: Double, theirs: Double) {
        self.name = name
        let difference = ours == theirs || ours.isNaN && theirs.isNaN ? 0 : abs(ours - theirs)
        largestError = difference.isNaN ? .infinity : difference
        // Metrics are of order 1 or in mm; below 1 the absolute error counts.
        relativeError = largestError / (theirs.isFinite ? max(1, abs(theirs)) : 1)
        tolerance = Tolerance.metric.limit
    }

    /// Compares two arrays of equal count.
    init(_ name: String, ours: [Double], theirs: [Float], tolerance: Double) {
        self.name = name
        guard ours.count == theirs.count, ours.allSatisfy(\.isFinite) else {
            (relativeError, largestError, self.tolerance) = (.infinity, .infinity, tolerance)
            return
        }
        var (difference, norm, largest, scale) = (0.0, 0.0, 0.0, 0.0)
        for (a, b) in zip(ours, theirs) {
            let b = Double(b)
            difference += (a - b) * (a - b)
            norm += b * b
            largest = max(largest, abs(a - b))
            scale = max(scale, abs(b))
        }
        // If a gradient is zero in exact arithmetic (a bias before a norm), there is only rounding to compare.
        let isZero = scale < 1e-9
        relativeError = isZero ? .nan : (difference / norm).squareRoot()
        largestError = largest
        self.tolerance = isZero ? 1e-6 : tolerance
    }
}
