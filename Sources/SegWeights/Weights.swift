internal import Foundation
public import SegCore

/// A network's arrays from a file: safetensors, or a PyTorch checkpoint, whose code is never run.
public struct Weights: Sendable {
    /// The file, for errors.
    public let source: String
    /// The arrays under the network's names, without the prefixes of DataParallel and `torch.compile`.
    public let tensors: [String: StoredTensor]
    /// Notes about the file for the user, such as other weights in it, one sentence each.
    public let notes: [String]

    /// The dictionary of a PyTorch checkpoint to use.
    public enum Choice: Hashable, Sendable {
        /// The dictionary at the top, or under `state_dict`, `model_state_dict`, `model`, `network` or `net`.
        case usual
        /// The dictionary under a name; a file without it is refused.
        case named(String)
        /// The dictionary under a name, else the dictionary at the top, as in MONAI's `CheckpointLoader`.
        case loaded(String)
    }

    /// Creates weights from arrays that a program has made or read; `source` names them in errors.
    public init(source: String, tensors: [String: StoredTensor], notes: [String] = []) {
        self.source = source
        self.tensors = tensors
        self.notes = notes
    }

    /// Reads a file; its first bytes determine its format.
    /// - Parameter choice: The dictionary of a PyTorch checkpoint (`torch.save`, 1.6 and later) to use.
    /// - Throws: `DataError` naming the file and its fault.
    public static func read(_ path: String, _ choice: Choice = .usual) throws -> Weights {
        let data = try RegularFile.contents(of: path)
        switch Format(data) {
        case .safetensors:
            if case .named(let name) = choice {
                throw DataError(
                    .badArgument, path,
                    "is not a PyTorch checkpoint, so it has no dictionary '\(name)'; leave the choice out")
            }
            return Weights(
                source: path, tensors: StateDict.normalized(try Safetensors(data, source: path).tensors))
        case .zip:
            do {
                let checkpoint = try PyTorchCheckpoint(data, choice)
                return Weights(
                    source: path, tensors: StateDict.normalized(checkpoint.tensors), notes: checkpoint.notes)
            } catch {
                throw DataError(.badData, path, error.message)
            }
        case .legacy:
            throw DataError(
                .badData, path,
                "is a checkpoint of PyTorch before 1.6 or a bare pickle; load it in PyTorch and save it again with "
                    + "torch.save(model.state_dict(), FILE)")
        case .unknown:
            throw DataError(
                .badData, path,
                "is neither safetensors nor a PyTorch checkpoint (\(data.count) bytes); give a file of weights")
        }
    }

    /// Reads the value under a name beside the weights of a PyTorch checkpoint, such as `config`.
    /// - Returns: nil if there is no such value, or if the file is not a checkpoint.
    /// - Throws: `DataError` naming the file if it is missing or damaged.
    public static func configuration(_ name: String, in path: String) throws -> ConfigValue? {
        let data = try RegularFile.contents(of: path)
        guard case .zip = Format(data) else { return nil }
        do {
            return try PyTorchCheckpoint.configurations([name], in: data)[name]
        } catch {
            throw DataError(.badData, path, error.message)
        }
    }

    /// Reads everything in a PyTorch checkpoint as a configuration: NumPy arrays as lists, tensors and objects as
    /// descriptive texts.
    /// - Parameter array: Converts a NumPy array, given as a list.
    /// - Throws: `DataError` naming the file if it is missing, damaged or not a checkpoint.
    public static func contents(
        of path: String, array: (_ list: ConfigValue) -> ConfigValue = { $0 }
    ) throws -> ConfigValue {
        try fromCheckpoint(path) { data throws(CheckpointFault) in
            try PyTorchCheckpoint.contents(of: data, array: array)
        }
    }

    /// Reads the values under some names beside the weights of a PyTorch checkpoint; missing names are left out.
    /// - Throws: `DataError` naming the file if it is missing, damaged or not a checkpoint.
    public static func configurations(_ names: [String], in path: String) throws -> [String: ConfigValue] {
        try fromCheckpoint(path) { data throws(CheckpointFault) in
            try PyTorchCheckpoint.configurations(names, in: data)
        }
    }

    private static func fromCheckpoint<Value>(
        _ path: String, _ read: (Data) throws(CheckpointFault) -> Value
    ) throws -> Value {
        let data = try RegularFile.contents(of: path)
        guard case .zip = Format(data) else {
            throw DataError(.badData, path, "is not a checkpoint of PyTorch 1.6 or later")
        }
        do {
            return try read(data)
        } catch {
            throw DataError(.badData, path, error.message)
        }
    }

    private enum Format {
        case safetensors
        case zip
        case legacy
        case unknown

        init(_ data: Data) {
            let start = Array(data.prefix(9))
            if start.starts(with: [0x50, 0x4B]) {
                self = .zip
            } else if start.count == 9, start[8] == UInt8(ascii: "{") {
                self = .safetensors
            } else if start.first == 0x80 {
                self = .legacy
            } else {
                self = .unknown
            }
        }
    }
}

extension Weights {
    /// Writes arrays as a PyTorch `state_dict` if the file extension is `.pt` or `.pth`, else as safetensors. The write
    /// is atomic: at every moment the path holds either the complete old file or the complete new one.
    /// - Throws: `DataError` naming the file.
    public static func write(_ tensors: [String: StoredTensor], to path: String) throws {
        for (name, tensor) in tensors where StoredTensor.byteCount(of: tensor.shape, tensor.dtype) == nil {
            throw DataError(
                .cannotWrite, path,
                "cannot contain '\(name)' of shape \(tensor.shape); a tensor has at most \(Limits.tensorAxes) axes")
        }
        guard !tensors.isEmpty else {
            throw DataError(.badData, path, "would contain no weights and was not written")
        }
        let end = (path as NSString).pathExtension.lowercased()
        guard ["pt", "pth"].contains(end) else {
            return try Safetensors(tensors: tensors, metadata: ["format": "pt"]).write(to: path)
        }
        let data: Data
        do {
            data = try PyTorchCheckpoint.encoded(tensors)
        } catch {
            throw DataError(.cannotWrite, path, error.message)
        }
        try DurableFile.write(data, to: path)
    }

    /// Writes a PyTorch checkpoint that contains more than a `state_dict`, as a training loop saves it;
    /// `torch.load(weights_only=True)` reads it.
    /// - Parameters:
    ///   - value: The content of the file.
    ///   - tensors: The tensors, to which `value` refers by index.
    /// - Throws: `DataError` naming the file.
    public static func write(checkpoint value: CheckpointValue, _ tensors: [StoredTensor], to path: String) throws {
        let data: Data
        do {
            data = try PyTorchCheckpoint.encoded(value, tensors)
        } catch {
            throw DataError(.cannotWrite, path, error.message)
        }
        try DurableFile.write(data, to: path)
    }
}
